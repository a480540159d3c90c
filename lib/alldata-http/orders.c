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

static int32_t answer_file(alldata__http_call *call, const alldata__http_file *file,
                           repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    repli__json_out out;
    repli__json_begin(&out, &json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "path");
    repli__json_string(&out, file->path);
    repli__json_name(&out, "events");
    repli__json_integer(&out, (int64_t)file->events);
    repli__json_close(&out, '}');
    return alldata__http_answer_buf(call, alldata__http_json, &json, repli__json_end(&out, err));
}

/* Not there yet: whoever asked asks again. */
static int32_t answer_request(alldata__http_call *call, uint64_t number) {
    char json[64];
    const int size =
        snprintf(json, sizeof(json), "{\"path\":null,\"request\":%" PRIu64 "}", number);
    alldata__http_answer_text(call, 202, alldata__http_json, json, (size_t)size);
    return REPLI_OK;
}

/* What an export is asked for with. */
typedef struct wish {
    const char *interval;
    int64_t again;   /* not 0: also if there is a file */
    int64_t request; /* the number of the one that is asked about; 0: of none */
} wish;

static int32_t read_wish(const repli__web_target *query, wish *ret_wish, repli_error *err) {
    int32_t code = need(query, "interval", &ret_wish->interval, err);
    if (code == REPLI_OK)
        code = repli__web_target_number(query, "again", 0, 1, &ret_wish->again, err);
    if (code == REPLI_OK)
        code = repli__web_target_number(query, "request", 1, INT64_MAX, &ret_wish->request, err);
    if (code == REPLI_OK && ret_wish->again && ret_wish->request != 0)
        code = repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "request asks about an export and again for another: one at a time");
    return code;
}

static int32_t begin_export(alldata__http_call *call, const wish *it, repli_error *err) {
    uint64_t number = 0;
    const int32_t code = alldata__http_exporter_add(call->office->exporter, it->interval,
                                                    it->again != 0, &number, err);
    return code == REPLI_OK ? answer_request(call, number) : code;
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
    wish it = {.interval = NULL};
    alldata__http_file file;
    int32_t code = read_wish(query, &it, err);
    /* Before the file, which is that of the request only after it was written. */
    if (code == REPLI_OK && it.request != 0 && call->office != NULL)
        code = alldata__http_exporter_look(call->office->exporter, it.interval,
                                           (uint64_t)it.request, err);
    if (code == REPLI_ENOTREADY)
        return answer_request(call, (uint64_t)it.request);
    if (code == REPLI_OK)
        code = alldata__http_export_find(call->node, it.interval, &file, err);
    /* What is no whole file is mended so. */
    const int wanted =
        code == REPLI_ENOTREADY || (it.again && (code == REPLI_OK || code == REPLI_ECORRUPT));
    if (wanted && call->office != NULL)
        return begin_export(call, &it, err);
    if (wanted) {
        code = export_here(call->node, it.interval, err);
        if (code == REPLI_OK)
            code = alldata__http_export_find(call->node, it.interval, &file, err);
    }
    return code == REPLI_OK ? answer_file(call, &file, err) : conflict(call, code, err);
}
