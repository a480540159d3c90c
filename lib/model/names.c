#include "model/names.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

int32_t repli__names_add(repli__names *names, const char *name, repli_error *err) {
    char quote[REPLI__QUOTE_SIZE];
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return repli__error(err, REPLI_EINVALID, "model", "%s is there twice",
                                repli__utf8_quote(quote, name));
    if (names->count == REPLI__NAMES_MAX)
        return repli__error(err, REPLI_EINVALID, "model", "there are more than %d names",
                            REPLI__NAMES_MAX);
    names->names[names->count++] = name;
    return REPLI_OK;
}
