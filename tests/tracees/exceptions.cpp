// Exceptions of C++ and jumps of C: three throws that are caught, then a longjmp; says how many of each; exits 0.
#include <csetjmp>
#include <cstdio>
#include <stdexcept>
#include <string>

static std::jmp_buf place;
std::string motto = "nothing stays behind";

__attribute__((noipa)) void thrower(int number)
{
    throw std::runtime_error("thrown " + std::to_string(number));
}

__attribute__((noipa)) void jumper()
{
    std::longjmp(place, 3);
}

int main()
{
    volatile int caught = 0;
    int jumped;

    for (int i = 1; i <= 3; i++) {
        try {
            thrower(i); /* line: throws */
        } catch (const std::runtime_error &error) {
            caught = caught + 1; /* line: catches */
        }
    }
    jumped = setjmp(place);
    if (!jumped)
        jumper(); /* line: jumps */
    std::printf("caught %d jumped %d %s\n", caught, jumped, motto.c_str()); /* line: tells */
    return 0;
}
