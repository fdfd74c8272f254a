/* The leader ends alone; a worker obeys: p pong, m says a variable's value, e executes this program again, q ends
 * the process with 5.  The second image, told by its argument, says "after PID TID"; on q it exits 6. */
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
        switch (next_order()) {
        case 'q':
            exit(5);
        case 'e':
            execl("/proc/thread-self/exe", "leader_exit", "after", NULL);
            say("exec failed %d", errno);
            break;
        default:
            tell();
        }
    }
}

int main(int argc, char **argv)
{
    static pthread_t leader;

    if (argc > 1 && strcmp(argv[1], "after") == 0) {
        say("after %d %d", getpid(), own_tid());
        while (next_order() != 'q')
            ;
        return 6;
    }
    leader = pthread_self();
    start(worker, &leader);
    ready();
    if (next_order() == 'l')
        pthread_exit(NULL);
    return 1;
}
