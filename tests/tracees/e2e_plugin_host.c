/* Letter d: loads the library ARG, calls plugin_entry in it, says what it returned, unloads it; n does so in a link-map
 * namespace of its own; q exits 0. */
#include "tracee.h"
#include <dlfcn.h>

int main(int argc, char **argv)
{
    ready();
    for (int order; (order = next_order()) != 'q';) {
        void *library = order == 'n' ? dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW) : dlopen(argv[1], RTLD_NOW);
        int (*entry)(int);

        if (library == NULL) {
            say("dlopen: %s", dlerror());
            continue;
        }
        *(void **)&entry = dlsym(library, "plugin_entry");
        say("entry %d", entry(20));
        dlclose(library);
    }
    return 0;
}
