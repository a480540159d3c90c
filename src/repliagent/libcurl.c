#include "libcurl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define NAME(name) "curl_" #name,
    LIBCURL_FUNCTIONS(NAME)
#undef NAME
};

/* The members are pointers to functions, in the order of their names. */
enum { COUNT = sizeof(names) / sizeof(names[0]) };
_Static_assert(sizeof(struct libcurl) == COUNT * sizeof(void *), "a name for each member");

static const char *find(void *library, struct libcurl *ret_functions) {
    for (size_t i = 0; i < COUNT; i++) {
        void *function = dlsym(library, names[i]);
        if (function == NULL)
            return dlerror();
        memcpy((char *)ret_functions + i * sizeof(function), &function, sizeof(function));
    }
    return NULL;
}

const struct libcurl *libcurl_load(void) {
    static struct libcurl functions;
    void *library = dlopen(REPLIAGENT_LIBCURL, RTLD_NOW | RTLD_LOCAL);
    const char *problem = library != NULL ? find(library, &functions) : dlerror();
    if (problem == NULL)
        return &functions;
    fprintf(stderr,
            "repliagent: cannot load libcurl, which it needs to ask an agent: %s; install the "
            "package that has it\n",
            problem);
    return NULL;
}
