#include <replicante/model.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

/* All agents of a process share it, or their ids would not be ordered. */
static _Atomic uint64_t last_stamp;

int32_t repli_uuid_generate(char ret_text[REPLI_UUID_SIZE], repli_error *err) {
    uint64_t random = 0;
    ssize_t size;
    do {
        size = getrandom(&random, sizeof(random), 0);
    } while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof(random))
        return repli__error(err, REPLI_EINTERNAL, "model",
                            "cannot make a UUID: the kernel gave no random bytes: %s",
                            size < 0 ? strerror(errno) : "too few");
    repli__uuid_format(repli__uuid_stamp(&last_stamp, repli__wall_ns()), random, ret_text);
    return REPLI_OK;
}

int32_t repli_uuid_validate(const char *text, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    return repli__uuid_canonical(text, canonical, err);
}
