#include <string.h>

#include "contract.h"

int32_t call_alldata_error_name(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_error_name(REPLI_ECONFLICT), "conflict") == 0);
    REQUIRE(strcmp(alldata_error_name(1), "unknown") == 0);
    return REPLI_OK;
}

int32_t call_alldata_error_clear(world *w, repli_error *err) {
    (void)w;
    (void)err;
    repli_error own = REPLI_ERROR_INIT;
    REQUIRE(alldata_key_validate("", 0, &own) == REPLI_EINVALID);
    alldata_error_clear(&own);
    alldata_error_clear(NULL);
    REQUIRE(own.code == REPLI_OK && own.message[0] == '\0');
    return REPLI_OK;
}

int32_t call_alldata_version(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_version(), REPLI_VERSION_STRING) == 0);
    return REPLI_OK;
}

/* Keys. */

static int32_t make_keygen(int32_t node, const repli_allocator *allocator, repli_error *err) {
    char after[] = "20261121T005824640353920860";
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = node;
    options.after = after;
    alldata_keygen *keygen = UNSET;
    const int32_t code = alldata_keygen_new(&options, allocator, &keygen, err);
    SCRIBBLE(after);
    SCRIBBLE(options);
    if (code != REPLI_OK) {
        REQUIRE(keygen == UNSET);
        return code;
    }
    char key[ALLDATA_KEY_SIZE];
    REQUIRE(alldata_keygen_next(keygen, key, NULL) == REPLI_OK);
    REQUIRE(alldata_keygen_node(keygen) == node);
    alldata_keygen_free(keygen);
    return code;
}

int32_t call_alldata_keygen_new(world *w, repli_error *err) {
    (void)w;
    return make_keygen(7, NULL, err);
}

int32_t fail_alldata_keygen_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_keygen(ALLDATA_KEYGEN_NODES, NULL, err);
}

int32_t fail_alldata_keygen_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_keygen(7, no_memory(), err);
}

int32_t call_alldata_keygen_free(world *w, repli_error *err) {
    alldata_keygen_free(NULL);
    return call_alldata_keygen_new(w, err);
}

int32_t call_alldata_keygen_next(world *w, repli_error *err) {
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_keygen_next(w->keygen, key, err);
    REQUIRE((strlen(key) == ALLDATA_KEY_LENGTH) == (code == REPLI_OK));
    return code;
}

static int64_t long_ago(void *user_data) {
    (void)user_data;
    return INT64_C(1000000000000000000);
}

int32_t fail_alldata_keygen_next_REPLI_ENOTREADY(world *w, repli_error *err) {
    (void)w;
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.after = "20261121T005824640353920860";
    options.clock = long_ago;
    alldata_keygen *keygen = NULL;
    REQUIRE(alldata_keygen_new(&options, NULL, &keygen, NULL) == REPLI_OK);
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_keygen_next(keygen, key, err);
    alldata_keygen_free(keygen);
    REQUIRE(key[0] == '\0');
    return code;
}

int32_t call_alldata_keygen_node(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_keygen_node(w->keygen) == 4711);
    return REPLI_OK;
}

int32_t call_alldata_keygen_set_node(world *w, repli_error *err) {
    return alldata_keygen_set_node(w->keygen, 4711, err);
}

int32_t fail_alldata_keygen_set_node_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_keygen_set_node(w->keygen, -1, err);
}

int32_t call_alldata_key_validate(world *w, repli_error *err) {
    (void)w;
    return alldata_key_validate("20261121T005824640353920860", ALLDATA_KEY_LENGTH, err);
}

int32_t fail_alldata_key_validate_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return alldata_key_validate("20261121T", 9, err);
}

int32_t alldata_begin(world *w, repli_error *err) {
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = 4711;
    return alldata_keygen_new(&options, NULL, &w->keygen, err);
}

void alldata_end(world *w) {
    alldata_keygen_free(w->keygen);
}
