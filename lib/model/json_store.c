#include "model/json_attribute.h"
#include "model/json_documents.h"
#include "model/record.h"
#include "model/validate.h"

int32_t repli_store_extras_to_json(const repli_store_extras *extras, repli_buf *ret_json,
                                   repli_error *err) {
    repli_store_extras local;
    int32_t code = repli__store_extras_read(&local, extras, err);
    if (code == REPLI_OK)
        code = repli__store_extras_check(&local, err);
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "cluster_id");
    repli__json_string(&out, local.cluster_id);
    repli__json_name(&out, "attributes");
    repli__attributes_write(&out, local.attributes, local.attribute_count);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

static void read_extras(repli__json_in *in, repli__json_span root, void *record) {
    enum { CLUSTER_ID, ATTRIBUTES, COUNT };
    repli__json_member m[COUNT] = {{.name = "cluster_id"}, {.name = "attributes"}};
    repli__json_members(in, root, m, COUNT);
    repli_store_extras *extras = record;
    extras->struct_size = sizeof(*extras);
    extras->cluster_id = repli__json_get_text(in, &m[CLUSTER_ID], REPLI__REQUIRED);
    repli__attributes_get(in, &m[ATTRIBUTES], &extras->attributes, &extras->attribute_count);
    if (in->code == REPLI_OK)
        in->code = repli__store_extras_check(extras, in->err);
}

int32_t repli__store_extras_from_json(const repli__mem *mem, const char *json, size_t size,
                                      repli_doc **ret_doc, const repli_store_extras **ret_extras,
                                      repli_error *err) {
    const void *extras = NULL;
    const int32_t code =
        repli__json_read(mem, json, size, "the store's information", sizeof(repli_store_extras),
                         read_extras, ret_doc, &extras, err);
    if (code == REPLI_OK)
        *ret_extras = extras;
    return code;
}

int32_t repli_store_extras_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                     const repli_store_extras **ret_extras, repli_error *err) {
    return repli__store_extras_from_json(NULL, json, size, ret_doc, ret_extras, err);
}
