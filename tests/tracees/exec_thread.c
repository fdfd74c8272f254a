/* ARG further threads; on the letter e the last of them executes this program again, on l the leader does.
 * The second image, told by its argument, says "after PID TID" and obeys: p pong, q exits 6. */
#include "tracee.h"

static int ends[2];
static char *self;
volatile long image = 1;

NOIPA void second_image(void)
{
    image = 2;
}

NOIPA void again(void)
{
    execl("/proc/self/exe", self, "after", NULL);
    say("exec failed %d", errno);
    _exit(97);
}

static void *body(void *argument)
{
    char byte;

    if (read(ends[0], &byte, 1) == 1)
        again();
    return argument;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && strcmp(argv[1], "after") == 0) {
        second_image();
        say("after %d %d", getpid(), own_tid());
        while (next_order() != 'q')
            ;
        return 6;
    }
    if (pipe(ends))
        return 1;
    for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 2); i++)
        start(body, NULL);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'e':
            if (write(ends[1], "x", 1) != 1)
                return 1;
            break;
        case 'l':
            again();
            break;
        default:
            return 0;
        }
    }
}
