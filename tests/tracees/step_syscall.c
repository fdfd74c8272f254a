/* System calls to step over that do not come back in the ordinary way: e execve of itself, x exit_group(21),
 * s a signal whose handler returns through sigreturn, c a thread by a bare clone.  q exits 0. */
#include "tracee.h"

static char *new_argv[3], *new_envp[1];
char stack[65536] __attribute__((aligned(16)));
volatile int child_ran;
volatile long handled;

NOIPA long bare_execve(const char *path, char **argv, char **envp);
NOIPA void bare_exit(void);
NOIPA long bare_clone(unsigned long flags, void *stack_top);
NOIPA void bare_raise(int pid, int number);
asm(".globl bare_execve, execve_instruction, bare_exit, exit_instruction\n"
    ".globl bare_clone, clone_instruction, after_clone, bare_raise, kill_instruction, after_kill\n"
    "bare_execve: mov $59, %eax\n"
    "execve_instruction: syscall\n"
    "   ret\n"
    "bare_exit: mov $21, %edi\n"
    "   mov $231, %eax\n"
    "exit_instruction: syscall\n"
    "   hlt\n"
    "bare_clone: mov $56, %eax\n"
    "   xor %edx, %edx\n"
    "   xor %r10d, %r10d\n"
    "   xor %r8d, %r8d\n"
    "clone_instruction: syscall\n"
    "after_clone: test %eax, %eax\n"
    "   jnz 1f\n"
    "   movl $1, child_ran(%rip)\n"
    "   xor %edi, %edi\n"
    "   mov $60, %eax\n"
    "   syscall\n"
    "1: ret\n"
    "bare_raise: mov $62, %eax\n"
    "kill_instruction: syscall\n"
    "after_kill: ret\n");

NOIPA void restorer(void);
asm(".globl restorer, sigreturn_instruction\n"
    "restorer: mov $15, %eax\n"
    "sigreturn_instruction: syscall\n");

NOIPA void on_usr1(int number)
{
    handled++;
}

int main(int argc, char **argv)
{
    /* The kernel's struct, so that the restorer is ours and has a symbol. */
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {on_usr1, 0x04000000, restorer, 0};

    if (argc > 1 && strcmp(argv[1], "after") == 0) {
        say("after");
        while (next_order() != 'q')
            ;
        return 0;
    }
    syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
    ready();
    for (;;) {
        switch (next_order()) {
        case 'e':
            new_argv[0] = argv[0];
            new_argv[1] = "after";
            bare_execve("/proc/self/exe", new_argv, new_envp);
            return 1;
        case 'x':
            bare_exit();
            break;
        case 's':
            bare_raise(getpid(), SIGUSR1);
            say("handled %ld", handled);
            break;
        case 'c':
            bare_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                       stack + sizeof stack);
            while (!child_ran)
                sched_yield();
            say("child ran");
            break;
        default:
            return 0;
        }
    }
}
