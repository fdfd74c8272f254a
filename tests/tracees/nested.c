/* A tracer itself.  Letter n: steps a child of its own to its end, says the child's status and whether the steps were
 * many.  q exits 0. */
#include "tracee.h"
#include <sys/ptrace.h>

NOIPA void before_fork(void)
{
    asm volatile("" ::: "memory");
}

int main(void)
{
    ready();
    while (next_order() == 'n') {
        int status, steps = 0, traceme = 0;
        pid_t child;

        before_fork();
        child = fork();
        if (child == 0) {
            traceme = ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            if (traceme == 0)
                raise(SIGSTOP);
            _exit(traceme == 0 ? 4 : 5);
        }
        while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
            steps++;
            if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL))
                break;
        }
        say("status %d many %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1, steps > 10);
    }
    return 0;
}
