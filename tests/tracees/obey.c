/* Obeys letters: p answers pong, q exits 0, x exits 7, a aborts, g calls spot() and says so. */
#include "tracee.h"

volatile long counter = 41;
const char text[] = "a line of read-only text";

NOIPA void spot(void)
{
    counter++;
}

int main(void)
{
    ready();
    for (;;) {
        switch (next_order()) {
        case 'q':
            return 0;
        case 'x':
            return 7;
        case 'a':
            abort();
        case 'g':
            spot();
            say("spot %ld", counter);
            break;
        default:
            say("what?");
        }
    }
}
