#include "action/waiting.h"

#include <string.h>

#include <replicante/model.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "base/json_span.h"

static const char for_name[] = "waiting_for";
static const char since_name[] = "since";

static int is_named(repli__json_span key, const char *name) {
    return repli__json_string_is(key, name, strlen(name));
}

static repli__json_span root_of(const char *payload) {
    return payload != NULL ? repli__json_root(payload, strlen(payload))
                           : (repli__json_span){.text = NULL};
}

/* A member that is a string; none if there is no such. */
static repli__json_span text_in(const char *payload, const char *name) {
    const repli__json_span root = root_of(payload);
    repli__json_span key;
    repli__json_span value;
    size_t at = 0;
    while (repli__json_type(root) == REPLI__JSON_OBJECT &&
           repli__json_next_member(root, &at, &key, &value))
        if (is_named(key, name) && repli__json_type(value) == REPLI__JSON_STRING)
            return value;
    return (repli__json_span){.text = NULL};
}

/* Every member but the two, as it is written. */
static int32_t copy_others(repli_buf *to, const char *payload) {
    const repli__json_span root = root_of(payload);
    repli__json_span key;
    repli__json_span value;
    size_t at = 0;
    int32_t code = REPLI_OK;
    while (code == REPLI_OK && repli__json_type(root) == REPLI__JSON_OBJECT &&
           repli__json_next_member(root, &at, &key, &value)) {
        if (is_named(key, for_name) || is_named(key, since_name))
            continue;
        if (to->size > 1)
            code = repli__buf_text(to, ",");
        if (code == REPLI_OK)
            code = repli__buf_append(to, key.text, key.size);
        if (code == REPLI_OK)
            code = repli__buf_text(to, ":");
        if (code == REPLI_OK)
            code = repli__buf_append(to, value.text, value.size);
    }
    return code;
}

/* To the second, since people read it. */
static void write_since(repli__json_out *out, const char *waiting_for, const char *before,
                        int64_t now_ns) {
    const repli__json_span said = text_in(before, for_name);
    const repli__json_span since = text_in(before, since_name);
    char time[REPLI_TIME_SIZE] = "";
    if (said.text != NULL && since.text != NULL && is_named(said, waiting_for) &&
        repli__json_length(since) < sizeof(time))
        repli__json_decode(since, time, sizeof(time));
    else
        repli_time_format(now_ns - now_ns % REPLI__NS_PER_S, time, sizeof(time), NULL);
    repli__json_string(out, time);
}

static int32_t write_payload(repli_buf *to, const char *payload, const char *waiting_for,
                             const char *before, int64_t now_ns) {
    int32_t code = repli__buf_text(to, "{");
    if (code == REPLI_OK)
        code = copy_others(to, payload);
    if (code == REPLI_OK && waiting_for != NULL && to->size > 1)
        code = repli__buf_text(to, ",");
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, to);
    if (waiting_for != NULL) {
        repli__json_name(&out, for_name);
        repli__json_string(&out, waiting_for);
        repli__json_name(&out, since_name);
        write_since(&out, waiting_for, before, now_ns);
    }
    repli__json_close(&out, '}');
    return repli__json_end(&out, NULL);
}

int32_t repli__waiting_say(repli__arena *arena, const char *payload, const char *waiting_for,
                           const char *before, int64_t now_ns, const char **ret_payload) {
    repli_buf buf = {.allocator = arena->mem};
    int32_t code = write_payload(&buf, payload, waiting_for, before, now_ns);
    const char *text = code == REPLI_OK ? repli__arena_text(arena, buf.data, buf.size) : NULL;
    repli_buf_dispose(&buf);
    if (text == NULL)
        return REPLI_ENOMEM;
    *ret_payload = text;
    return REPLI_OK;
}
