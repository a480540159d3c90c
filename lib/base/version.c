#include <replicante/version.h>

const char *repli_version(void) {
    return REPLI_VERSION_STRING;
}

int32_t repli_version_number(void) {
    return REPLI_VERSION_NUMBER;
}
