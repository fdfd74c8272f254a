/* waitlog PROGRAM ARGS: starts a child and says every event of it that wait reports to a real parent.
 * The child's stdin is ours; its stdout is /dev/null but for what it says on ready. */
#include "tracee.h"

int main(int argc, char **argv)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    for (;;) {
        pid_t got = waitpid(child, &status, WUNTRACED | WCONTINUED);

        if (got < 0) {
            say("wait: error %d", errno);
            return 1;
        }
        if (WIFSTOPPED(status)) {
            say("wait: stopped %d", WSTOPSIG(status));
        } else if (WIFCONTINUED(status)) {
            say("wait: continued");
        } else if (WIFEXITED(status)) {
            say("wait: exited %d", WEXITSTATUS(status));
            return 0;
        } else {
            say("wait: killed %d", WTERMSIG(status));
            return 0;
        }
    }
}
