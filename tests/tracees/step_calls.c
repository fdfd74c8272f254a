/* step_calls [wait]: makes system calls between `begin` and `end`, for them to be stepped over one instruction at a time;
 * with an argument it says "ready" and waits for a letter first. */
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

int main(int argc, char **argv) {
    static const char text[] = "stepped\n", waits[] = "ready\n";
    char letter;
    if (argc > 1 && (write(1, waits, sizeof waits - 1) < 0 || read(0, &letter, 1) != 1))
        return 1;
    begin();
    call(SYS_getppid, 0, 0, 0);
    call(SYS_write, 1, (long)text, sizeof text - 1);
    call(SYS_getppid, 0, 0, 0);
    call(SYS_close, 99, 0, 0);
    call(SYS_kill, 0x3ffffff, 0, 0);
    end();
    return 0;
}
