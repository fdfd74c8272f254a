/* Handlers on an alternate stack.  Letters: 1 raises SIGUSR1, 2 SIGUSR2, n queues SIGRTMIN+3 twice with the value 42,
 * a waits for an alarm; each says the counts: usr1, usr2, realtime, its value, alarms, and those on the stack.
 * q exits 0. */
#include "tracee.h"

static char stack[65536];
static volatile int usr1, usr2, realtime, value, alarms, on_stack;

NOIPA void on_signal(int number, siginfo_t *info, void *context)
{
    char here;

    on_stack += &here >= stack && &here < stack + sizeof stack;
    if (number == SIGUSR1)
        usr1++;
    else if (number == SIGUSR2)
        usr2++;
    else if (number == SIGALRM)
        alarms++;
    else {
        realtime++;
        value = info->si_value.sival_int;
    }
}

NOIPA void raise_usr1(void)
{
    raise(SIGUSR1); /* line: raises */
    asm volatile("" ::: "memory");
}

int main(void)
{
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    const int numbers[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN + 3};
    union sigval forty_two = {.sival_int = 42};

    sigaltstack(&alternate, NULL);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    ready();
    for (;;) {
        switch (next_order()) {
        case '1':
            raise_usr1();
            break;
        case '2':
            raise(SIGUSR2);
            break;
        case 'n':
            sigqueue(getpid(), SIGRTMIN + 3, forty_two);
            sigqueue(getpid(), SIGRTMIN + 3, forty_two);
            break;
        case 'a':
            ualarm(1000, 0);
            while (alarms == 0)
                sched_yield();
            break;
        default:
            return 0;
        }
        say("%d %d %d %d %d on stack %d", usr1, usr2, realtime, value, alarms, on_stack);
    }
}
