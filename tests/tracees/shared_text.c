/* shared_text FILE: code in four kinds of mapping: private and shared ones of FILE, and memory without a file that is
 * shared; each has a pointer of its name.  A letter runs one (P private_code, s shared_code, r readable_code, a
 * anonymous_code) and says what it returned; F says the first byte in FILE.  q exits 0. */
#include "tracee.h"
#include <fcntl.h>
#include <sys/mman.h>

/* mov $42, %eax; ret */
static const unsigned char code[4096] = {0xb8, 42, 0, 0, 0, 0xc3};

unsigned char *private_code, *shared_code, *readable_code, *anonymous_code, *closed_page;

int main(int argc, char **argv)
{
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    int reader = open(argv[1], O_RDONLY);
    unsigned char first;

    if (write(file, code, sizeof code) != sizeof code)
        return 1;
    private_code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    shared_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, file, 0);
    readable_code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, reader, 0);
    anonymous_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    closed_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(anonymous_code, code, sizeof code);
    ready();
    for (;;) {
        unsigned char *at = NULL;

        switch (next_order()) {
        case 'P':
            at = private_code;
            break;
        case 's':
            at = shared_code;
            break;
        case 'r':
            at = readable_code;
            break;
        case 'a':
            at = anonymous_code;
            break;
        case 'F':
            if (pread(file, &first, 1, 0) != 1)
                return 1;
            say("byte %02x", first);
            continue;
        default:
            return 0;
        }
        say("returned %d", ((int (*)(void))at)());
    }
}
