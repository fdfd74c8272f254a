/* Counts SIGUSR1 and the first three realtime signals; p pong, c says the counts, q exits 0. */
#include "tracee.h"

static atomic_long usr1, realtime[3];

static void on_usr1(int number)
{
    atomic_fetch_add(&usr1, 1);
}

static void on_realtime(int number)
{
    atomic_fetch_add(&realtime[number - 34], 1);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_realtime;
    for (int number = 34; number < 37; number++)
        sigaction(number, &action, NULL);
    ready();
    while (next_order() != 'q')
        say("usr1 %ld realtime %ld", usr1, realtime[0] + realtime[1] + realtime[2]);
    return 0;
}
