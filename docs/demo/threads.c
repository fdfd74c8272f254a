/* The demo's program: four named threads go down a few calls each and meet; the last to arrive is where gdb stops. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

enum { WORKERS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER;
static int arrived;

static void everyone_is_here(int worker)
{
    printf("worker %d completes the meeting\n", worker);
    fflush(stdout);
}

static void meet(int worker)
{
    pthread_mutex_lock(&lock);
    if (++arrived == WORKERS) {
        everyone_is_here(worker);
        pthread_cond_broadcast(&all_here);
    }
    while (arrived < WORKERS)
        pthread_cond_wait(&all_here, &lock);
    pthread_mutex_unlock(&lock);
}

static void descend(int worker, int depth)
{
    if (depth > 0)
        descend(worker, depth - 1);
    else
        meet(worker);
}

static void *work(void *argument)
{
    int worker = *(int *)argument;
    char name[16];

    snprintf(name, sizeof name, "worker-%d", worker);
    pthread_setname_np(pthread_self(), name);
    descend(worker, worker);
    return NULL;
}

int main(void)
{
    pthread_t threads[WORKERS];
    int numbers[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        numbers[i] = i + 1;
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    puts("all done");
    return 0;
}
