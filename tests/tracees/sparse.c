/* 64 GiB without access but for three pages: the first, the middle and the last one; each has its own text, the last
 * one a needle.  Behind ready() a buffer of 4 MiB whose byte i holds i ^ i >> 12.  q exits 0. */
#include "tracee.h"
#include <sys/mman.h>

#define PAGE 4096ul
#define SIZE (64ul << 30)
#define BUFFER (4ul << 20)

unsigned char *first, *middle, *last, *buffer;

static unsigned char *open_page(unsigned char *at, const char *text)
{
    mprotect(at, PAGE, PROT_READ | PROT_WRITE);
    strcpy((char *)at, text);
    return at;
}

int main(void)
{
    unsigned char *hole = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    first = open_page(hole, "first page");
    middle = open_page(hole + SIZE / 2, "middle page");
    last = open_page(hole + SIZE - PAGE, "last page with a needle");
    buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned long i = 0; i < BUFFER; i++)
        buffer[i] = i ^ i >> 12;
    ready();
    next_order();
    return 0;
}
