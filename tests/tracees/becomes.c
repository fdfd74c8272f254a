/* becomes PROGRAM ARGUMENTS: executes the program on the letter e; q exits 0. */
#include "tracee.h"

int main(int argc, char **argv)
{
    ready();
    if (argc > 1 && next_order() == 'e')
        execv(argv[1], argv + 1);
    return argc < 2;
}
