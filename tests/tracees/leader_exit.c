/* The leader ends alone; a worker obeys: p pong, m says a variable's value, q ends the process with 5. */
#include "tracee.h"

volatile long value = 1234;

NOIPA void tell(void)
{
    say("value %ld", value);
}

static void *worker(void *argument)
{
    pthread_join(*(pthread_t *)argument, NULL);
    say("alone %d", own_tid());
    for (;;) {
        if (next_order() == 'q')
            exit(5);
        tell();
    }
}

int main(void)
{
    static pthread_t leader;

    leader = pthread_self();
    start(worker, &leader);
    ready();
    if (next_order() == 'l')
        pthread_exit(NULL);
    return 1;
}
