#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "model/doc.h"
#include "store/row.h"

/* Small texts: times, identifiers, versions and names. */

static void times(const char *text) {
    repli_error error = REPLI_ERROR_INIT;
    int64_t time_ns = 1;
    const int32_t code = repli_time_parse(text, &time_ns, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK || time_ns == 1);
    if (code != REPLI_OK)
        return;
    char formatted[REPLI_TIME_SIZE];
    int64_t again;
    HOLDS(repli_time_format(time_ns, formatted, sizeof(formatted), NULL) == REPLI_OK);
    HOLDS_FOR(repli_time_parse(formatted, &again, NULL) == REPLI_OK, formatted);
    HOLDS_FOR(again == time_ns, formatted);
}

static void numbers_as_times(const uint8_t *data, size_t size) {
    fuzz_input input = FUZZ_INPUT(data, size);
    const int64_t time_ns = (int64_t)fuzz_number(&input, 8);
    char formatted[REPLI_TIME_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_time_format(time_ns, formatted, sizeof(formatted), &error);
    fuzz_outcome(code, &error);
    if (code != REPLI_OK)
        return;
    int64_t again;
    HOLDS_FOR(repli_time_parse(formatted, &again, NULL) == REPLI_OK, formatted);
    HOLDS_FOR(again == time_ns, formatted);
}

static void identifiers(const char *text) {
    repli_error error = REPLI_ERROR_INIT;
    unsigned char id[REPLI__ID_SIZE];
    const int32_t code = repli_uuid_validate(text, &error);
    fuzz_outcome(code, &error);
    HOLDS_FOR((code == REPLI_OK) == (repli__id_parse(text, id) != 0), text);
    if (code != REPLI_OK)
        return;
    char formatted[REPLI_UUID_SIZE];
    unsigned char again[REPLI__ID_SIZE];
    repli__id_format(id, formatted);
    HOLDS(repli__id_parse(formatted, again));
    HOLDS(memcmp(id, again, sizeof(id)) == 0);
}

static void versions(const char *text) {
    repli_error error = REPLI_ERROR_INIT;
    fuzz_outcome(repli_semver_validate(text, &error), &error);
    for (size_t size = 1; size <= 64; size = size * 2 + 1) {
        /* Of exactly that size, so that whoever writes past it is seen. */
        char *version = malloc(size);
        HOLDS(version != NULL);
        error = (repli_error)REPLI_ERROR_INIT;
        const int32_t code = repli__semver_find(text, version, size, &error);
        fuzz_outcome(code, &error);
        HOLDS_FOR(code != REPLI_OK || repli_semver_validate(version, NULL) == REPLI_OK, version);
        free(version);
    }
}

static void names(const char *text) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_scoped_name_validate(text, &error);
    fuzz_outcome(code, &error);
    repli_scoped_name_reserved(text);
    HOLDS(code != REPLI_OK || repli__utf8_check(text, strlen(text)) == strlen(text));
    char quote[REPLI__QUOTE_SIZE];
    repli__utf8_quote(quote, text);
    HOLDS(repli__utf8_check(quote, strlen(quote)) == strlen(quote));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    numbers_as_times(data, size);
    fuzz_input input = FUZZ_INPUT(data, size);
    const char *text = fuzz_text(&input, NULL);
    times(text);
    identifiers(text);
    versions(text);
    names(text);
    fuzz_input_end(&input);
    return 0;
}
