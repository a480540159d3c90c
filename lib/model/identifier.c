#include <replicante/model.h>

#include "base/uuid.h"

int32_t repli_uuid_generate(char ret_text[REPLI_UUID_SIZE], repli_error *err) {
    _Atomic uint64_t none = 0;
    return repli__uuid_generate(&none, ret_text, err);
}

int32_t repli_uuid_validate(const char *text, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    return repli__uuid_canonical(text, canonical, err);
}
