#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alldata-http/answer.h"
#include "alldata-http/office.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_out.h"

/* What an operator tells a node to do. */

static int32_t need(const repli__web_target *query, const char *name, const char **ret_value,
                    repli_error *err) {
    *ret_value = repli__web_target_param(query, name);
    if (*ret_value != NULL && **ret_value != '\0')
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                        "the query has no %s: it is needed, as in ?%s=…", name, name);
}

/* What the node is not in the state for. */
static int32_t conflict(alldata__http_call *call, int32_t code, repli_error *err) {
    if (code != REPLI_ESTATE)
        return code;
    alldata__http_answer_error(call, 409, NULL, err);
    return REPLI_OK;
}

static int32_t answer_count(alldata__http_call *call, int32_t status, const char *name,
                            uint64_t count) {
    char json[64];
    const int size = snprintf(json, sizeof(json), "{\"%s\":%" PRIu64 "}", name, count);
    alldata__http_answer_text(call, status, alldata__http_json, json, (size_t)size);
    return REPLI_OK;
}

int32_t alldata__http_join(alldata__http_call *call, const repli__web_target *query,
                           repli_error *err) {
    static const char added[] = "{\"added\":true}";
    static const char known[] = "{\"added\":false}";
    const char *address;
    int32_t code = need(query, "address", &address, err);
    if (code == REPLI_OK)
        code = alldata_node_join(call->node, address, err);
    if (code != REPLI_OK && code != REPLI_EDONE)
        return conflict(call, code, err);
    const char *text = code == REPLI_OK ? added : known;
    alldata__http_answer_text(call, 200, alldata__http_json, text, strlen(text));
    return REPLI_OK;
}

int32_t alldata__http_forget(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    const char *id;
    uint64_t hints = 0;
    int32_t code = need(query, "id", &id, err);
    if (code == REPLI_OK)
        code = alldata_node_forget(call->node, id, &hints, err);
    return code == REPLI_OK ? answer_count(call, 200, "hints", hints) : conflict(call, code, err);
}

/* It is done once so many were. */
int32_t alldata__http_repair(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    const char *interval = repli__web_target_param(query, "interval");
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    int32_t code = alldata_node_repair(call->node, interval, NULL, NULL, err);
    if (code == REPLI_OK)
        code = alldata_node_status_get(call->node, &status, err);
    return code == REPLI_OK ? answer_count(call, 202, "request", status.repairs_asked) : code;
}

/* Exports. */

/* Not there yet: whoever asked asks again. */
static int32_t begin_export(alldata__http_call *call, const char *interval, repli_error *err) {
    static const char later[] = "{\"path\":null}";
    const int32_t code = alldata__http_exporter_add(call->office->exporter, interval, err);
    if (code == REPLI_OK)
        alldata__http_answer_text(call, 202, alldata__http_json, later, sizeof(later) - 1);
    return code;
}

static int32_t answer_path(alldata__http_call *call, const char *path, repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    repli__json_out out;
    repli__json_begin(&out, &json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "path");
    repli__json_string(&out, path);
    repli__json_close(&out, '}');
    return alldata__http_answer_buf(call, alldata__http_json, &json, repli__json_end(&out, err));
}

/* Without a server, which could go on later: what there is without waiting for peers. */
static int32_t export_here(alldata_node *node, const char *interval, repli_error *err) {
    if (alldata_node_gossip(node) != NULL)
        return repli__error(err, REPLI_ENOTSUP, ALLDATA__HTTP_ORIGIN,
                            "a node with peers exports only where it is served by a server of "
                            "liballdata-http, which can wait for them");
    return alldata__http_export_write(node, interval, err);
}

int32_t alldata__http_export(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    const char *interval;
    char path[ALLDATA__HTTP_PATH_SIZE];
    int32_t code = need(query, "interval", &interval, err);
    if (code == REPLI_OK)
        code = alldata__http_export_find(call->node, interval, path, err);
    if (code == REPLI_ENOTREADY && call->office != NULL)
        return begin_export(call, interval, err);
    if (code == REPLI_ENOTREADY) {
        code = export_here(call->node, interval, err);
        if (code == REPLI_OK)
            code = alldata__http_export_find(call->node, interval, path, err);
    }
    return code == REPLI_OK ? answer_path(call, path, err) : conflict(call, code, err);
}
