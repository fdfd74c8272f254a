/* Thread-local variables of a program, of libc and of libraries that it loads, in two threads.
   Arguments: libraries.  Orders, for the first thread in small letters and for the second in capitals:
   m e l: where is the program's, libc's, the library's variable; s: what pthread_self() says.  For the program: o and n load the first
   and the last library, c unloads, q ends. */
#include "tracee.h"
#include <dlfcn.h>

__thread char first_variable = 1;
__thread long main_variable __attribute__((aligned(64))) = 2;
__thread long last_variable[3];

static void *library;
static void *(*library_address)(void);
static int to_second[2], to_first[2];

static void open_library(const char *path)
{
    library = dlopen(path, RTLD_NOW);
    if (!library) {
        say("%s", dlerror());
        _exit(97);
    }
    library_address = (void *(*)(void))dlsym(library, "library_address");
    say("opened %s", path);
}

static void close_library(void)
{
    dlclose(library);
    say("closed");
}

static void answer(int order)
{
    unsigned long address = order == 's'   ? (unsigned long)pthread_self()
                            : order == 'm' ? (unsigned long)&main_variable
                            : order == 'e' ? (unsigned long)&errno
                                           : (unsigned long)library_address();

    say("%d %lx", own_tid(), address);
}

static void *second(void *unused)
{
    char order;

    (void)unused;
    last_variable[2]++;
    while (read(to_second[0], &order, 1) == 1) {
        answer(order);
        if (write(to_first[1], &order, 1) != 1)
            break;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (pipe(to_second) || pipe(to_first))
        return 1;
    first_variable++;
#ifndef WITHOUT_THREADS
    start(second, NULL);
#else
    (void)second;
#endif
    ready();
    for (;;) {
        char order = next_order();

        if (order == 'q')
            return 0;
        if (order == 'o' || order == 'n')
            open_library(order == 'o' ? argv[1] : argv[argc - 1]);
        else if (order == 'c')
            close_library();
        else if (order >= 'a')
            answer(order);
        else {
            order += 'a' - 'A';
            if (write(to_second[1], &order, 1) != 1 || read(to_first[0], &order, 1) != 1)
                return 1;
        }
    }
}
