/* Letter c: a child stops itself, is seen to have stopped, is continued, is seen to go on, exits 3; says what the parent
 * saw.  t raises SIGTSTP here, s SIGSTOP; each says so when it has gone on.  q exits 0. */
#include "tracee.h"

int main(void)
{
    int status, stopped, continued, ended;
    pid_t child;

    ready();
    for (;;) {
        switch (next_order()) {
        case 'c':
            child = fork();
            if (child == 0) {
                raise(SIGSTOP);
                _exit(3);
            }
            stopped = waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
            kill(child, SIGCONT);
            continued = waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
            ended = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3;
            say("stopped %d continued %d ended %d", stopped, continued, ended);
            break;
        case 't':
            raise(SIGTSTP);
            say("after tstp");
            break;
        case 's':
            raise(SIGSTOP);
            say("after stop");
            break;
        default:
            return 0;
        }
    }
}
