/* Makes system calls between `begin` and `end`, for them to be stepped over one instruction at a time. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

__attribute__((noinline)) void begin(void) { __asm__ volatile(""); }
__attribute__((noinline)) void end(void) { __asm__ volatile(""); }

int main(void) {
    static const char text[] = "stepped\n";
    begin();
    call(SYS_getppid, 0, 0, 0);
    call(SYS_write, 1, (long)text, sizeof text - 1);
    call(SYS_getppid, 0, 0, 0);
    call(SYS_close, 99, 0, 0);
    call(SYS_kill, 0x3ffffff, 0, 0);
    end();
    return 0;
}
