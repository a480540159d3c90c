#include "libcurl/libcurl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
#define NAME(name) "curl_" #name,
    REPLI__LIBCURL_FUNCTIONS(NAME)
#undef NAME
};

/* The members are pointers to functions, in the order of their names. */
enum { COUNT = sizeof(names) / sizeof(names[0]) };
_Static_assert(sizeof(repli__libcurl) == COUNT * sizeof(void *), "a name for each member");

const char *repli__libcurl_load(repli__libcurl *ret_functions) {
    void *library = dlopen(REPLI_LIBCURL, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return dlerror();
    for (size_t i = 0; i < COUNT; i++) {
        void *function = dlsym(library, names[i]);
        if (function == NULL)
            return dlerror();
        memcpy((char *)ret_functions + i * sizeof(function), &function, sizeof(function));
    }
    return NULL;
}
