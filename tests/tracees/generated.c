/* Code that the program writes itself, to return 42: in a page that can be written too, and, in the second page, in one
 * that cannot.  Letters: w runs the first page's code, x the second's; each says what it returned and whether its bytes
 * are what the program wrote; r writes other code, to return 43, into the first page.  q exits 0. */
#include "tracee.h"
#include <sys/mman.h>

/* mov $42, %eax; nop; ret */
static unsigned char code[] = {0xb8, 42, 0, 0, 0, 0x90, 0xc3};
unsigned char *writable, *fixed;

static unsigned char *page(int protection)
{
    unsigned char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(at, code, sizeof code);
    mprotect(at, 4096, protection);
    return at;
}

NOIPA void written(void)
{
    asm volatile("" ::: "memory");
}

int main(void)
{
    writable = page(PROT_READ | PROT_WRITE | PROT_EXEC);
    fixed = page(PROT_READ | PROT_EXEC);
    written();
    ready();
    for (;;) {
        int order = next_order();
        int returned;
        unsigned char *at = order == 'x' ? fixed : writable;

        switch (order) {
        case 'w':
        case 'x':
            returned = ((int (*)(void))at)();
            say("returned %d intact %d", returned, memcmp(at, code, sizeof code) == 0);
            break;
        case 'r':
            code[1] = 43;
            memcpy(writable, code, sizeof code);
            say("rewritten");
            break;
        default:
            return 0;
        }
    }
}
