/* Four threads each start and join short threads without end; the leader obeys: p pong, q exits 0. */
#include "tracee.h"

static atomic_int stop;
static atomic_long born;

static void *brief(void *argument)
{
    atomic_fetch_add(&born, 1);
    return argument;
}

static void *spawner(void *argument)
{
    while (!atomic_load(&stop)) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, brief, NULL) == 0)
            pthread_join(thread, NULL);
    }
    return argument;
}

int main(void)
{
    pthread_t spawners[4];

    for (int i = 0; i < 4; i++)
        spawners[i] = start(spawner, NULL);
    while (atomic_load(&born) < 8)
        sched_yield();
    ready();
    while (next_order() != 'q')
        ;
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++)
        pthread_join(spawners[i], NULL);
    return 0;
}
