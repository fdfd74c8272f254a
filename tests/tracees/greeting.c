/* Says its arguments, its folder, a variable of its environment and, where GREETING_LISTENS is set, a line of its stdin;
 * the exit status counts the arguments.  It needs nothing of Linux, so that it is built for every C library and size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int answer = 4711;

int main(int argc, char **argv)
{
    char text[1024];
    const char *token = getenv("GDBSTUB_TEST_TOKEN");

    printf("token %s\n", token ? token : "none");
    printf("folder %s\n", getcwd(text, sizeof text) ? text : "none");
    for (int i = 1; i < argc; i++)
        printf("word %s\n", argv[i]);
    fflush(stdout);
    if (getenv("GREETING_LISTENS") && fgets(text, sizeof text, stdin)) {
        printf("heard %s", text);
        fflush(stdout);
    }
    return argc - 1;
}
