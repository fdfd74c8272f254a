/* What every tracee shares: lines out, letters in, both over pipes.  Nothing here sleeps. */
#ifndef TRACEE_H
#define TRACEE_H

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOIPA __attribute__((noipa))
#define MAYBE_UNUSED __attribute__((unused))

/* One line in one write, so that lines of several threads never mix. */
MAYBE_UNUSED static void say(const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(1, line, length) != length)
        _exit(99);
}

/* The next letter from the test; a closed pipe ends the program, so that nothing outlives its test. */
MAYBE_UNUSED static int letter(void)
{
    char byte;
    ssize_t got;

    do
        got = read(0, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        /* A restart code that leaked to the program shows here. */
        say("read failed %d", errno);
        _exit(96);
    }
    if (got == 0)
        _exit(0);
    return byte;
}

/* Serve 'p' (answer pong) and return the first other letter. */
MAYBE_UNUSED static int next_order(void)
{
    for (;;) {
        int order = letter();

        if (order != 'p')
            return order;
        say("pong");
    }
}

MAYBE_UNUSED static void ready(void)
{
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    say("ready %d", getpid());
}

MAYBE_UNUSED static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, argument))
        _exit(98);
    return thread;
}

MAYBE_UNUSED static pid_t own_tid(void)
{
    return syscall(SYS_gettid);
}

#endif
