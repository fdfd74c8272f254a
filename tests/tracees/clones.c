/* Makes children by unusual clone calls, one for a letter: u exit signal SIGUSR1, 3 clone3, n CLONE_UNTRACED,
 * P CLONE_PARENT (its parent is the test), t a thread that runs in_thread().  Each child runs in_child() and
 * exits 13.  The line says the child's pid and status.  q exits 0. */
#include "tracee.h"
#include <linux/sched.h>

volatile long visits;

NOIPA void in_child(void)
{
    visits++;
}

NOIPA void in_thread(void)
{
    visits++;
}

static void *thread_body(void *argument)
{
    in_thread();
    return argument;
}

static pid_t bare_clone(unsigned long flags)
{
    return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static void report(const char *name, pid_t child)
{
    int status = 0;

    if (child == 0) {
        in_child();
        _exit(13);
    }
    if (child < 0)
        say("%s: failed %d", name, errno);
    else if (waitpid(child, &status, __WALL) != child)
        say("%s: wait failed %d", name, errno);
    else
        say("%s: %d %s %d", name, child, WIFEXITED(status) ? "exited" : "killed",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int main(void)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    pid_t child;

    signal(SIGUSR1, SIG_IGN);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'u':
            report("usr1", bare_clone(SIGUSR1));
            break;
        case '3':
            report("clone3", syscall(SYS_clone3, &arguments, sizeof arguments));
            break;
        case 'n':
            report("untraced", bare_clone(CLONE_UNTRACED | SIGCHLD));
            break;
        case 'P':
            child = bare_clone(CLONE_PARENT | SIGCHLD);
            if (child == 0) {
                in_child();
                _exit(13);
            }
            say("parent: %d", child);
            break;
        case 't':
            pthread_join(start(thread_body, NULL), NULL);
            say("thread: %ld", visits);
            break;
        default:
            return 0;
        }
    }
}
