/* deep DEPTH: a stack of DEPTH calls of descend() above bottom(), each with its own `level`; says what came back. */
#include "tracee.h"

NOIPA long bottom(long level)
{
    asm volatile("" : "+r"(level)::"memory");
    return level;
}

NOIPA long descend(long level, long depth)
{
    volatile long here = level;
    long found = level < depth ? descend(level + 1, depth) : bottom(level);

    return found + here - level;
}

int main(int argc, char **argv)
{
    say("bottom %ld", descend(1, atol(argv[1])));
    return 0;
}
