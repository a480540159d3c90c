#include "base/error.h"
#include "model/json_documents.h"
#include "model/json_in.h"
#include "model/json_time.h"
#include "model/record.h"
#include "model/validate.h"

static int32_t check_time(int64_t time_ns, repli_error *err) {
    char text[REPLI_TIME_SIZE];
    return time_ns == REPLI_TIME_NONE ? REPLI_OK
                                      : repli_time_format(time_ns, text, sizeof(text), err);
}

static int32_t check_times(const repli_maintenance *maintenance, repli_error *err) {
    const int32_t code = check_time(maintenance->since_ns, err);
    return code == REPLI_OK ? check_time(maintenance->until_ns, err) : code;
}

int32_t repli__maintenance_check(const repli_maintenance *maintenance, repli_error *err) {
    int32_t code = REPLI_OK;
    if (maintenance->owner != NULL)
        code = repli__text_validate(maintenance->owner, REPLI__NAME_MAX, "owner", err);
    if (code == REPLI_OK && maintenance->reason != NULL)
        code = repli__text_validate(maintenance->reason, REPLI__ID_MAX, "reason", err);
    if (code == REPLI_OK)
        code = check_times(maintenance, err);
    return code;
}

int32_t repli_maintenance_to_json(const repli_maintenance *maintenance, repli_buf *ret_json,
                                  repli_error *err) {
    repli_maintenance local;
    int32_t code = repli__maintenance_read(&local, maintenance, err);
    if (code == REPLI_OK)
        code = repli__maintenance_check(&local, err);
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "owner");
    repli__json_string(&out, local.owner);
    repli__json_name(&out, "reason");
    repli__json_string(&out, local.reason);
    repli__json_name(&out, "since");
    repli__json_time(&out, local.since_ns);
    repli__json_name(&out, "until");
    repli__json_time(&out, local.until_ns);
    repli__json_name(&out, "allowed_actions");
    repli__json_open(&out, '[');
    for (size_t i = 0; local.allowed != NULL && local.allowed[i] != NULL; i++)
        repli__json_string(&out, local.allowed[i]);
    repli__json_close(&out, ']');
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

static const char *const *get_strings(repli__json_in *in, const repli__json_member *member) {
    const repli__json_span list = repli__json_get_array(in, member, REPLI__OPTIONAL);
    const char **strings = repli__json_new_array(in, repli__json_count(list) + 1, sizeof(*strings));
    size_t at = 0;
    repli__json_span item;
    for (size_t i = 0; strings != NULL && in->code == REPLI_OK && list.text != NULL &&
                       repli__json_next_item(list, &at, &item);
         i++)
        if (repli__json_type(item) == REPLI__JSON_STRING)
            strings[i] = repli__json_copy_string(in, item);
        else
            repli__json_refuse(in, member, "a list of strings");
    return strings;
}

static void read_maintenance(repli__json_in *in, repli__json_span root, void *record) {
    enum { OWNER, REASON, SINCE, UNTIL, ALLOWED, COUNT };
    repli__json_member m[COUNT] = {
        [OWNER] = {.name = "owner"},
        [REASON] = {.name = "reason"},
        [SINCE] = {.name = "since"},
        [UNTIL] = {.name = "until"},
        [ALLOWED] = {.name = "allowed_actions"},
    };
    repli__json_members(in, root, m, COUNT);
    repli_maintenance *maintenance = record;
    maintenance->struct_size = sizeof(*maintenance);
    maintenance->owner = repli__json_get_text(in, &m[OWNER], REPLI__OPTIONAL);
    maintenance->reason = repli__json_get_text(in, &m[REASON], REPLI__OPTIONAL);
    maintenance->since_ns = repli__json_get_time(in, &m[SINCE]);
    maintenance->until_ns = repli__json_get_time(in, &m[UNTIL]);
    maintenance->allowed = get_strings(in, &m[ALLOWED]);
    if (in->code == REPLI_OK)
        in->code = repli__maintenance_check(maintenance, in->err);
}

int32_t repli__maintenance_from_json(const repli__mem *mem, const char *json, size_t size,
                                     repli_doc **ret_doc, const repli_maintenance **ret_maintenance,
                                     repli_error *err) {
    const void *maintenance = NULL;
    const int32_t code =
        repli__json_read(mem, json, size, "the maintenance", sizeof(repli_maintenance),
                         read_maintenance, ret_doc, &maintenance, err);
    if (code == REPLI_OK)
        *ret_maintenance = maintenance;
    return code;
}

int32_t repli_maintenance_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                    const repli_maintenance **ret_maintenance, repli_error *err) {
    return repli__maintenance_from_json(NULL, json, size, ret_doc, ret_maintenance, err);
}
