#include "alldata/node/identity.h"

#include <string.h>

#include "alldata/key.h"
#include "alldata/node/small_file.h"
#include "base/error.h"
#include "base/json_check.h"
#include "base/json_out.h"
#include "base/json_span.h"
#include "base/utf8.h"
#include "base/uuid.h"

#define ORIGIN "node"

enum { FILE_MOST = 4096 };

/* The file. */

static int take_name(repli__json_span value, char to[ALLDATA__NODE_NAME_SIZE]) {
    const size_t length =
        repli__json_type(value) == REPLI__JSON_STRING ? repli__json_length(value) : 0;
    if (length == 0 || length >= ALLDATA__NODE_NAME_SIZE)
        return 0;
    repli__json_decode(value, to, ALLDATA__NODE_NAME_SIZE);
    return 1;
}

static int take_number(repli__json_span value, int32_t *ret_number) {
    int64_t number;
    if (repli__json_type(value) != REPLI__JSON_INTEGER || !repli__json_to_integer(value, &number) ||
        number < 0 || number >= ALLDATA_KEYGEN_NODES)
        return 0;
    *ret_number = (int32_t)number;
    return 1;
}

static int parse(const repli_buf *text, alldata__identity *ret) {
    repli__json_span name;
    repli__json_span value;
    size_t at = 0;
    int found = 0;
    if (repli__json_check(text->data, text->size, REPLI__DOCUMENT_DEPTH, "it", NULL) != REPLI_OK)
        return 0;
    const repli__json_span root = repli__json_root(text->data, text->size);
    if (repli__json_type(root) != REPLI__JSON_OBJECT)
        return 0;
    while (repli__json_next_member(root, &at, &name, &value)) {
        if (repli__json_string_is(name, "id", 2))
            found |= take_name(value, ret->id);
        else if (repli__json_string_is(name, "cluster", 7))
            found |= take_name(value, ret->cluster) << 1;
        else if (repli__json_string_is(name, "number", 6))
            found |= take_number(value, &ret->number) << 2;
    }
    return found == 7;
}

static int32_t read_file(const repli__mem *mem, const char *path, alldata__identity *ret,
                         repli_error *err) {
    repli_buf text = {NULL, 0, 0, mem};
    int32_t code = alldata__small_file_read(path, FILE_MOST, &text, err);
    if (code == REPLI_OK && (text.size == 0 || !parse(&text, ret)))
        code = repli__error(err, REPLI_ECORRUPT, ORIGIN,
                            "%.300s does not say who this node is: if it was damaged, remove it, "
                            "and give the node its id",
                            path);
    repli_buf_dispose(&text);
    return code;
}

int32_t alldata__identity_write(const repli__mem *mem, const char *path,
                                const alldata__identity *identity, repli_error *err) {
    repli_buf text = {NULL, 0, 0, mem};
    repli__json_out out;
    repli__json_begin(&out, &text);
    repli__json_open(&out, '{');
    repli__json_name(&out, "id");
    repli__json_string(&out, identity->id);
    repli__json_name(&out, "cluster");
    repli__json_string(&out, identity->cluster);
    repli__json_name(&out, "number");
    repli__json_integer(&out, identity->number);
    repli__json_close(&out, '}');
    int32_t code = repli__json_end(&out, err);
    if (code == REPLI_OK)
        code = alldata__small_file_write(path, &text, err);
    repli_buf_dispose(&text);
    return code;
}

/* Who it is to be. */

static int32_t compare(const alldata__identity *it, const char *path, const char *id,
                       const char *cluster, repli_error *err) {
    char quotes[2][REPLI__QUOTE_SIZE];
    if (id != NULL && strcmp(it->id, id) != 0)
        return repli__error(err, REPLI_ECONFLICT, ORIGIN,
                            "the directory is that of node %s, not of %s: give this node another "
                            "directory, or that id; to rename it, change %.200s while it is down",
                            repli__utf8_quote(quotes[0], it->id), repli__utf8_quote(quotes[1], id),
                            path);
    if (strcmp(it->cluster, cluster) != 0)
        return repli__error(err, REPLI_ECONFLICT, ORIGIN,
                            "the directory is that of a node of cluster %s, not of %s: give this "
                            "node another directory, or that cluster",
                            repli__utf8_quote(quotes[0], it->cluster),
                            repli__utf8_quote(quotes[1], cluster));
    return REPLI_OK;
}

static int32_t make(const repli__mem *mem, const char *path, const char *id, const char *cluster,
                    alldata__identity *ret, repli_error *err) {
    _Atomic uint64_t last = 0;
    int32_t code = alldata__keygen_draw(&ret->number, err);
    if (code == REPLI_OK && id == NULL)
        code = repli__uuid_generate(&last, ret->id, err);
    else if (code == REPLI_OK)
        memcpy(ret->id, id, strlen(id) + 1);
    memcpy(ret->cluster, cluster, strlen(cluster) + 1);
    return code == REPLI_OK ? alldata__identity_write(mem, path, ret, err) : code;
}

int32_t alldata__identity_open(const repli__mem *mem, const char *path, const char *id,
                               const char *cluster, alldata__identity *ret, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = read_file(mem, path, ret, &error);
    if (code == REPLI_ENOTFOUND)
        return make(mem, path, id, cluster, ret, err);
    return code == REPLI_OK ? compare(ret, path, id, cluster, err) : repli__error_copy(err, &error);
}
