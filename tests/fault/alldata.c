#include <string.h>

#include "operation.h"

/* Key generator. */

static int32_t make_keygen(world *w, repli_error *err) {
    alldata_keygen *keygen;
    const int32_t code = alldata_keygen_new(NULL, &w->memory, &keygen, err);
    if (code == REPLI_OK)
        w->made = keygen;
    return code;
}

static int32_t make_key(world *w, repli_error *err) {
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = 1;
    alldata_keygen *keygen;
    char key[ALLDATA_KEY_SIZE];
    int32_t code = alldata_keygen_new(&options, &w->memory, &keygen, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_keygen_set_node(keygen, 2, err);
    if (code == REPLI_OK)
        code = alldata_keygen_next(keygen, key, err);
    EXPECT(w, code != REPLI_OK || alldata_key_validate(key, strlen(key), NULL) == REPLI_OK);
    EXPECT(w, alldata_keygen_node(keygen) == 2);
    alldata_keygen_free(keygen);
    return code;
}

static void drop_keygen(void *made) {
    alldata_keygen_free(made);
}

static int32_t use_words(world *w, repli_error *err) {
    repli_error own = REPLI_ERROR_INIT;
    (void)err;
    EXPECT(w, alldata_key_validate("", 0, &own) == REPLI_EINVALID);
    alldata_error_clear(&own);
    EXPECT(w, own.code == REPLI_OK);
    EXPECT(w, strcmp(alldata_error_name(REPLI_EIO), "io") == 0);
    EXPECT(w, strcmp(alldata_version(), REPLI_VERSION_STRING) == 0);
    return REPLI_OK;
}

const operation alldata_operations[] = {
    {.name = "draw a number for a generator of keys",
     .functions = "alldata_keygen_new",
     .also = REPLI_EINTERNAL,
     .act = make_keygen,
     .drop = drop_keygen},
    {.name = "make a key",
     .functions = "alldata_keygen_new alldata_keygen_next alldata_keygen_node "
                  "alldata_keygen_set_node alldata_keygen_free",
     .act = make_key},
    {.name = "use words of AllData",
     .functions = "alldata_key_validate alldata_error_clear alldata_error_name alldata_version",
     .act = use_words},
    {.name = NULL},
};
