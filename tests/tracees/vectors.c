/* Vector registers.  Letters: l loads a pattern into as much of every xmm, ymm, zmm and k register as ARG (128, 256, 512)
 * says, passes `vectors_loaded`, stores them again, and says how many bytes differ from the pattern; s does so until the
 * next letter comes.  q exits 0. */
#include "tracee.h"
#include <poll.h>

static unsigned char pattern[32 * 64 + 64], found[32 * 64 + 64];
static int width, count;

#define EACH16(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) \
    what(8) what(9) what(10) what(11) what(12) what(13) what(14) what(15)
#define EACH32(what) EACH16(what) what(16) what(17) what(18) what(19) what(20) what(21) what(22) what(23) \
    what(24) what(25) what(26) what(27) what(28) what(29) what(30) what(31)
#define MASKS(what) what(1) what(2) what(3) what(4) what(5) what(6) what(7)

#define LOAD128(n) "movdqu " #n "*64(%0), %%xmm" #n "\n"
#define STORE128(n) "movdqu %%xmm" #n ", " #n "*64(%1)\n"
#define LOAD256(n) "vmovdqu " #n "*64(%0), %%ymm" #n "\n"
#define STORE256(n) "vmovdqu %%ymm" #n ", " #n "*64(%1)\n"
#define LOAD512(n) "vmovdqu64 " #n "*64(%0), %%zmm" #n "\n"
#define STORE512(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%1)\n"
#define LOADMASK(n) "kmovw 2048+" #n "*8(%0), %%k" #n "\n"
#define STOREMASK(n) "kmovw %%k" #n ", 2048+" #n "*8(%1)\n"

asm(".globl vectors_loaded\nvectors_loaded: nop\nret\n");

/* The stack pointer steps over the red zone for the call. */
#define AROUND "sub $128, %%rsp\ncall vectors_loaded\nadd $128, %%rsp\n"

NOIPA void through128(void)
{
    asm volatile(EACH16(LOAD128) AROUND EACH16(STORE128)::"r"(pattern), "r"(found) : "memory");
}

NOIPA void through256(void)
{
    asm volatile(EACH16(LOAD256) AROUND EACH16(STORE256) "vzeroupper\n" ::"r"(pattern), "r"(found) : "memory");
}

NOIPA void through512(void)
{
    asm volatile(EACH32(LOAD512) MASKS(LOADMASK) AROUND EACH32(STORE512)
                 MASKS(STOREMASK) "vzeroupper\n" ::"r"(pattern), "r"(found) : "memory");
}

static int differences(void)
{
    int different = 0;

    memset(found, 0, sizeof found);
    (width == 512 ? through512 : width == 256 ? through256 : through128)();
    for (int n = 0; n < count; n++)
        for (int i = 0; i < width / 8; i++)
            different += found[64 * n + i] != pattern[64 * n + i];
    for (int n = 1; width == 512 && n < 8; n++)
        different += memcmp(found + 2048 + 8 * n, pattern + 2048 + 8 * n, 2) != 0;
    return different;
}

int main(int argc, char **argv)
{
    struct pollfd input = {0, POLLIN, 0};
    long rounds, wrong;

    width = atoi(argv[1]);
    count = width == 512 ? 32 : 16;
    for (unsigned i = 0; i < sizeof pattern; i++)
        pattern[i] = i / 64 * 8 + i % 64 + 1;
    ready();
    for (;;) {
        switch (next_order()) {
        case 'l':
            say("different %d", differences());
            break;
        case 's':
            for (rounds = wrong = 0; poll(&input, 1, 0) == 0; rounds++)
                wrong += differences() != 0;
            say("rounds %d wrong %ld", rounds > 0, wrong);
            break;
        default:
            return 0;
        }
    }
}
