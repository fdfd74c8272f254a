/* family ROUNDS: in each round a fork whose child exits 7, a vfork whose child exits 8, and a vfork whose child executes
 * this program again, which exits 9.  Says how many children ended so; exits 0 where all did. */
#include "tracee.h"

NOIPA void in_child(int number)
{
    asm volatile("" ::"r"(number) : "memory");
}

static int ended_with(pid_t child, int expected)
{
    int status;

    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == expected;
}

int main(int argc, char **argv)
{
    int rounds, good = 0;
    pid_t child;

    if (strcmp(argv[1], "leaf") == 0) {
        in_child(9);
        return 9;
    }
    rounds = atoi(argv[1]);
    for (int i = 0; i < rounds; i++) {
        child = fork();
        if (child == 0) {
            in_child(7);
            _exit(7);
        }
        good += ended_with(child, 7);
        child = vfork();
        if (child == 0)
            _exit(8);
        good += ended_with(child, 8);
        child = vfork();
        if (child == 0) {
            execl("/proc/self/exe", argv[0], "leaf", NULL);
            _exit(99);
        }
        good += ended_with(child, 9);
    }
    say("good %d of %d", good, 3 * rounds);
    return good != 3 * rounds;
}
