/* Letter c: a child stops itself, is seen to have stopped, is continued, is seen to go on, exits 3; says what the parent
 * saw.  t raises SIGTSTP here, s SIGSTOP; each says so when it has gone on.  q exits 0. */
#include "tracee.h"

int main(void)
{
    int status, stopped, continued, ended, gate[2];
    char byte;
    pid_t child;

    ready();
    for (;;) {
        switch (next_order()) {
        case 'c':
            if (pipe(gate) != 0)
                return 1;
            child = fork();
            if (child == 0) {
                close(gate[1]);
                raise(SIGSTOP);
                /* Not before the parent has seen it go on: an end would hide that. */
                _exit(read(gate[0], &byte, 1) == 0 ? 3 : 4);
            }
            close(gate[0]);
            stopped = waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
            kill(child, SIGCONT);
            continued = waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
            close(gate[1]);
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
