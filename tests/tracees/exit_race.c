/* exit_race STATUS: the leader ends alone while others end too and one calls exit_group(STATUS). */
#include "tracee.h"

static pthread_barrier_t barrier;
static int status;

static void *quiet(void *argument)
{
    pthread_barrier_wait(&barrier);
    return argument;
}

static void *loud(void *argument)
{
    pthread_barrier_wait(&barrier);
    _exit(status);
}

int main(int argc, char **argv)
{
    status = atoi(argv[1]);
    pthread_barrier_init(&barrier, NULL, 6);
    for (int i = 0; i < 4; i++)
        start(quiet, NULL);
    start(loud, NULL);
    pthread_barrier_wait(&barrier);
    pthread_exit(NULL);
}
