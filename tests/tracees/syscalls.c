/* System calls to catch.  Letters: g getpid three times, f fork (the child exits 3) and getpid, e execve of itself,
 * q exits 0. */
#include "tracee.h"

int main(int argc, char **argv)
{
    if (argc > 1)
        say("after");
    else
        ready();
    for (;;) {
        int status;
        pid_t child;

        switch (next_order()) {
        case 'g':
            for (int i = 0; i < 3; i++)
                syscall(SYS_getpid);
            say("done");
            break;
        case 'f':
            child = fork();
            if (child == 0)
                _exit(3);
            waitpid(child, &status, 0);
            syscall(SYS_getpid);
            say("forked %d", WEXITSTATUS(status));
            break;
        case 'e':
            execl("/proc/self/exe", argv[0], "after", NULL);
            return 1;
        default:
            return 0;
        }
    }
}
