/* fork_storm ROUNDS: four threads at once fork (even ones) or vfork (odd ones) ROUNDS children each; every other child
 * executes this program again, which ends at once.  Says how many ended with 0; exits 0 where all did. */
#include "tracee.h"

static long rounds;
static char *path;
static atomic_long good;

NOIPA void hot(void)
{
    asm volatile("" ::: "memory");
}

static void *parent(void *argument)
{
    for (long i = 0; i < rounds; i++) {
        int status = -1;
        pid_t child = (long)argument & 1 ? vfork() : fork();

        if (child == 0) {
            if (i & 1)
                execl("/proc/self/exe", path, "0", NULL);
            _exit(0);
        }
        hot();
        if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
            atomic_fetch_add(&good, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t parents[4];

    path = argv[0];
    rounds = atol(argv[1]);
    if (rounds == 0)
        return 0;
    for (long i = 0; i < 4; i++)
        parents[i] = start(parent, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(parents[i], NULL);
    say("good %ld of %ld", atomic_load(&good), 4 * rounds);
    return atomic_load(&good) != 4 * rounds;
}
