/* The library that e2e_plugin_host loads. */
int plugin_entry(int number);

int plugin_entry(int number)
{
    return number + 3;
}
