#include "base/error.h"
#include "base/sized.h"
#include <replicante/model.h>

#include "model/json_time.h"

static void write_action(repli__json_out *out, const repli_event *event) {
    repli__json_name(out, "action");
    if (event->action_id == NULL) {
        repli__json_null(out);
        return;
    }
    repli__json_open(out, '{');
    repli__json_name(out, "id");
    repli__json_string(out, event->action_id);
    repli__json_name(out, "kind");
    repli__json_string(out, event->action_kind);
    repli__json_close(out, '}');
}

int32_t repli_event_to_json(const repli_event *event, repli_buf *ret_json, repli_error *err) {
    repli_event local;
    if (event == NULL || repli__sized(event) < REPLI__SIZE_TO(repli_event, action_kind))
        return repli__error(err, REPLI_EINVALID, "model",
                            "an event needs its struct_size: initialise it with REPLI_EVENT_INIT");
    repli__sized_copy(&local, sizeof(local), event);
    const char *type = repli_event_type_name(local.type);
    if (type == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "%d is no REPLI_EVENT_* type",
                            (int)local.type);
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "number");
    repli__json_integer(&out, local.number);
    repli__json_name(&out, "time");
    repli__json_time(&out, local.time_ns);
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"type", type},           {"node_id", local.node_id}, {"subject", local.subject},
                 {"old", local.old_value}, {"new", local.new_value},   {"reason", local.reason},
                 {"cause", local.cause}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        repli__json_name(&out, texts[i].name);
        repli__json_string(&out, texts[i].text);
    }
    write_action(&out, &local);
    repli__json_name(&out, "count");
    repli__json_integer(&out, local.count);
    repli__json_name(&out, "away");
    repli__json_boolean(&out, (local.flags & REPLI_EVENT_AWAY) != 0);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}
