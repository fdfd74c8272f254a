/* s: the leader renames itself by a call; o: another thread goes on renaming it, by its file in /proc. */
#include "tracee.h"

#include <fcntl.h>

NOIPA void rename_self(const char *name)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_prctl), "D"(PR_SET_NAME), "S"(name)
                     : "rcx", "r11", "memory");
}

NOIPA void renamed(void)
{
    __asm__ volatile("");
}

static void *rename_leader(void *path)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);

    for (long turn = 0;; turn++)
        if (write(file, turn & 1 ? "odd" : "even", turn & 1 ? 3 : 4) < 0)
            _exit(98);
    return NULL;
}

int main(void)
{
    static char path[64];

    ready();
    for (;;)
        switch (next_order()) {
        case 's':
            rename_self("by itself");
            renamed();
            break;
        case 'o':
            snprintf(path, sizeof path, "/proc/self/task/%d/comm", getpid());
            start(rename_leader, path);
            renamed();
            for (volatile long turns = 0;; turns++)
                ;
        default:
            return 0;
        }
}
