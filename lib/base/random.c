#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

int32_t repli__random(uint64_t *ret_random, const char *origin, const char *what,
                      repli_error *err) {
    uint64_t random = 0;
    ssize_t size;
    do {
        size = getrandom(&random, sizeof(random), 0);
    } while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof(random))
        return repli__error(err, REPLI_EINTERNAL, origin,
                            "cannot %s: the kernel gave no random bytes: %s", what,
                            size < 0 ? strerror(errno) : "too few");
    *ret_random = random;
    return REPLI_OK;
}
