/* A library with a thread-local variable, for tls.c. */
__thread char other_variable = 3;
__thread long library_variable[SIZE] = {7};

void *library_address(void)
{
    other_variable++;
    return library_variable;
}
