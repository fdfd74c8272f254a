/* Children of every kind run hot(), where a test has a breakpoint, and must end with their own status.
 * Letters: f fork, v vfork, b vfork of a child that says so and waits for a letter before it calls hot(), V vfork while a sibling thread runs hot() 20 times, s fork by a bare syscall
 * instruction, w vfork by one, t fork of a child that starts a thread, T fork just after a sibling was told to run
 * hot(), h calls hot() here, q exits 0. */
#include "tracee.h"

volatile long hits;
static atomic_int sibling_go, sibling_done;

NOIPA void hot(void)
{
    hits++;
}

static void report(const char *name, pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child)
        say("%s: wait failed %d", name, errno);
    else if (WIFEXITED(status))
        say("%s: exited %d", name, WEXITSTATUS(status));
    else
        say("%s: killed %d", name, WTERMSIG(status));
}

/* The addresses of the syscall instructions are symbols, so that a test can step exactly over them. */
NOIPA pid_t bare_fork(void);
NOIPA pid_t bare_vfork_exit(void);
asm(".globl bare_fork, fork_instruction, bare_vfork_exit, vfork_instruction\n"
    "bare_fork: mov $57, %eax\n"
    "fork_instruction: syscall\n"
    "   ret\n"
    /* vfork's child must not return into the shared frame: it exits here. */
    "bare_vfork_exit: mov $58, %eax\n"
    "vfork_instruction: syscall\n"
    "   test %eax, %eax\n"
    "   jnz 1f\n"
    "   mov $12, %edi\n"
    "   mov $231, %eax\n"
    "   syscall\n"
    "1: ret\n");

static void *sibling(void *argument)
{
    while (!atomic_load(&sibling_go))
        sched_yield();
    for (int i = 0; i < 20; i++)
        hot();
    atomic_store(&sibling_done, 1);
    return argument;
}

static void *runs_hot(void *argument)
{
    hot();
    return argument;
}

static pid_t vfork_child(int with_sibling)
{
    pid_t child = vfork();

    if (child == 0) {
        atomic_store(&sibling_go, 1);
        hot();
        if (with_sibling)
            for (int i = 0; i < 1000; i++)
                sched_yield();
        hot();
        _exit(9);
    }
    return child;
}

int main(void)
{
    pthread_t thread;
    pid_t child;

    ready();
    for (;;) {
        switch (next_order()) {
        case 'f':
            if ((child = fork()) == 0) {
                hot();
                _exit(8);
            }
            report("fork", child);
            break;
        case 'v':
            report("vfork", vfork_child(0));
            break;
        case 'V':
            atomic_store(&sibling_go, 0);
            thread = start(sibling, NULL);
            report("vfork", vfork_child(1));
            pthread_join(thread, NULL);
            say("hits %ld", hits);
            break;
        case 'b':
            if ((child = vfork()) == 0) {
                say("borrowing");
                letter();
                hot();
                _exit(9);
            }
            report("vfork", child);
            break;
        case 's':
            if ((child = bare_fork()) == 0) {
                hot();
                _exit(11);
            }
            report("fork", child);
            break;
        case 'w':
            report("vfork", bare_vfork_exit());
            break;
        case 't':
            if ((child = fork()) == 0) {
                pthread_join(start(runs_hot, NULL), NULL);
                _exit(13);
            }
            report("fork", child);
            break;
        case 'T':
            atomic_store(&sibling_go, 0);
            thread = start(sibling, NULL);
            atomic_store(&sibling_go, 1);
            if ((child = fork()) == 0)
                _exit(8);
            report("fork", child);
            pthread_join(thread, NULL);
            break;
        case 'h':
            hot();
            say("hits %ld", hits);
            break;
        default:
            return 0;
        }
    }
}
