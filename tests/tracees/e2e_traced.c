/* e2e_traced: work() ten times with numbers 0 to 9 and words in turn, then done(); the same again for each letter but q. */
#include "tracee.h"

struct pair {
    int left, right;
};

volatile long counter;
struct pair both;
static char first[] = "one", second[] = "twenty-two", third[] = "";
static char *words[] = {first, second, third};

NOIPA long work(long number, char *word)
{
    long square = number * number;

    both.left = number;
    both.right = -number;
    counter += square + (word[0] != 0);
    return counter; /* line: work ends */
}

NOIPA void done(void)
{
    asm volatile("" ::: "memory");
}

int main(void)
{
    ready();
    do {
        for (long i = 0; i < 10; i++)
            work(i, words[i % 3]);
        done();
        say("counter %ld", counter);
    } while (next_order() != 'q');
    return 0;
}
