#include "alldata-http/client.h"

#include <stdio.h>
#include <string.h>

#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

/*
 * One answer is read for as long as it goes on, a piece whenever there is no whole record left. If
 * it breaks, another is asked for from the last record on, of the next node.
 */

enum { MOST_RECORD = 256 * 1024 * 1024, CONNECT_MS = 2000 };

struct alldata_client_scan {
    alldata_client *client;
    char *query;   /* what stays the same from one request to the next */
    char *last;    /* the key after which it goes on; NULL: none */
    uint64_t left; /* of the limit */
    int limited;

    CURLM *multi;
    CURL *handle;
    struct curl_slist *headers;
    char why[CURL_ERROR_SIZE];
    size_t place;
    size_t failures; /* one after the other, with nothing read between them */
    int asked;       /* there is an answer, or part of one */
    int running;     /* more of it is to come */
    int32_t ending;  /* how it ended: REPLI_EDONE if it is whole */
    long status;
    uint64_t silent_ns; /* when the last piece came */
    repli_buf text;
    size_t at; /* of the text, where the next record begins */
    int over;
    int32_t code; /* what all ended with */
    repli_error error;
};

/* The query. */

static int add_text(repli_buf *to, const char *name, const char *value) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    int done = repli__buf_printf(to, "&%s=", name) == REPLI_OK;
    for (const char *c = value; *c != '\0' && done; c++)
        done = strchr(plain, *c) != NULL
                   ? repli__buf_append(to, c, 1) == REPLI_OK
                   : repli__buf_printf(to, "%%%02X", (unsigned)(unsigned char)*c) == REPLI_OK;
    return done;
}

static char *make_query(const alldata_client *client, const alldata_client_scan_options *options) {
    const struct {
        const char *name;
        const char *value;
    } texts[] = {{"from", options->from},
                 {"until", options->until},
                 {"prefix", options->prefix},
                 {"interval", options->interval},
                 {"local", options->local ? "1" : NULL}};
    repli_buf query = {NULL, 0, 0, &client->mem};
    int done = repli__buf_text(&query, "/_alldata/events?form=records") == REPLI_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && done; i++)
        done = texts[i].value == NULL || add_text(&query, texts[i].name, texts[i].value);
    if (done)
        return query.data;
    repli_buf_dispose(&query);
    return NULL;
}

/* Life. */

static size_t take_text(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    alldata_client_scan *scan = user_data;
    scan->silent_ns = repli__mono_ns();
    return repli__buf_append(&scan->text, data, size) == REPLI_OK ? size : 0;
}

int32_t alldata_client_scan_new(alldata_client *client, const alldata_client_scan_options *options,
                                alldata_client_scan **ret_scan, repli_error *err) {
    static const alldata_client_scan_options defaults = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    alldata_client_scan_options own;
    const int32_t code = alldata__client_check(client, err);
    if (code != REPLI_OK)
        return code;
    repli__sized_copy(&own, sizeof(own), options != NULL ? options : &defaults);
    alldata_client_scan *scan = repli__calloc(&client->mem, 1, sizeof(*scan));
    if (scan == NULL)
        return repli__error_nomem(err, ALLDATA__CLIENT, "beginning to read");
    scan->client = client;
    scan->limited = own.limit > 0;
    scan->left = own.limit;
    scan->place = atomic_load(&client->favourite);
    scan->text.allocator = &client->mem;
    scan->error = (repli_error)REPLI_ERROR_INIT;
    scan->query = make_query(client, &own);
    scan->last = repli__strdup(&client->mem, own.after);
    if (scan->query == NULL || (own.after != NULL && scan->last == NULL)) {
        alldata_client_scan_free(scan);
        return repli__error_nomem(err, ALLDATA__CLIENT, "beginning to read");
    }
    *ret_scan = scan;
    return REPLI_OK;
}

static void end_answer(alldata_client_scan *scan) {
    const repli__libcurl *curl = &scan->client->caller.curl;
    if (scan->running)
        curl->multi_remove_handle(scan->multi, scan->handle);
    scan->running = 0;
}

void alldata_client_scan_free(alldata_client_scan *scan) {
    if (scan == NULL)
        return;
    const repli__libcurl *curl = &scan->client->caller.curl;
    const repli__mem *mem = &scan->client->mem;
    /* What a forked child has of the connection ends with it. */
    if (scan->multi != NULL && alldata__client_check(scan->client, NULL) == REPLI_OK) {
        end_answer(scan);
        curl->easy_cleanup(scan->handle);
        curl->multi_cleanup(scan->multi);
    }
    if (scan->headers != NULL)
        alldata__caller_free_headers(&scan->client->caller, scan->headers);
    repli_buf_dispose(&scan->text);
    repli__free(mem, scan->query);
    repli__free(mem, scan->last);
    repli__free(mem, scan);
}

/* Asking. */

static int32_t no_memory(repli_error *err) {
    return repli__error_nomem(err, ALLDATA__CLIENT, "reading events");
}

static int32_t prepare(alldata_client_scan *scan, repli_error *err) {
    alldata_client *client = scan->client;
    const repli__libcurl *curl = &client->caller.curl;
    const int32_t code = alldata__client_load(client, err);
    if (code != REPLI_OK)
        return code;
    if (scan->headers == NULL)
        scan->headers = alldata__caller_headers(&client->caller, &client->identity, NULL);
    if (scan->handle == NULL)
        scan->handle = alldata__caller_handle(&client->caller, &client->identity, scan->why);
    if (scan->headers == NULL || scan->handle == NULL)
        return no_memory(err);
    if (scan->multi == NULL)
        scan->multi = curl->multi_init();
    if (scan->multi == NULL)
        return no_memory(err);
    curl->easy_setopt(scan->handle, CURLOPT_HTTPHEADER, scan->headers);
    curl->easy_setopt(scan->handle, CURLOPT_HTTPGET, 1L);
    curl->easy_setopt(scan->handle, CURLOPT_WRITEFUNCTION, take_text);
    curl->easy_setopt(scan->handle, CURLOPT_WRITEDATA, scan);
    curl->easy_setopt(scan->handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    return REPLI_OK;
}

static int32_t ask(alldata_client_scan *scan, repli_error *err) {
    const int32_t code = prepare(scan, err);
    if (code != REPLI_OK)
        return code;
    const alldata_client *client = scan->client;
    const repli__libcurl *curl = &client->caller.curl;
    repli_buf path = {NULL, 0, 0, &client->mem};
    int done = repli__buf_text(&path, scan->query) == REPLI_OK;
    if (done && scan->last != NULL)
        done = add_text(&path, "after", scan->last);
    if (done && scan->limited)
        done = repli__buf_printf(&path, "&limit=%llu", (unsigned long long)scan->left) == REPLI_OK;
    done = done && alldata__client_direct(client, scan->handle, scan->place, path.data);
    repli_buf_dispose(&path);
    scan->why[0] = '\0';
    scan->status = 0;
    scan->text.size = scan->at = 0;
    scan->silent_ns = repli__mono_ns();
    if (!done || curl->multi_add_handle(scan->multi, scan->handle) != CURLM_OK)
        return no_memory(err);
    scan->asked = scan->running = 1;
    return REPLI_OK;
}

/* How a transfer ended; CURLM has no other. Returns 0 if it has not. */
static int has_ended(alldata_client_scan *scan, CURLcode *ret_code) {
    const repli__libcurl *curl = &scan->client->caller.curl;
    int left;
    const CURLMsg *message = curl->multi_info_read(scan->multi, &left);
    if (message == NULL || message->msg != CURLMSG_DONE)
        return 0;
    *ret_code = message->data.result;
    curl->easy_getinfo(scan->handle, CURLINFO_RESPONSE_CODE, &scan->status);
    return 1;
}

/* Wait until more has come, or nothing more will. */
static void read_piece(alldata_client_scan *scan) {
    const alldata_client *client = scan->client;
    const repli__libcurl *curl = &client->caller.curl;
    const char *shown = client->places[scan->place].shown;
    const size_t before = scan->text.size;
    const uint64_t patience_ns = client->timeout_ms * REPLI__NS_PER_MS;
    CURLcode code = CURLE_OK;
    int running;
    while (scan->text.size == before) {
        curl->multi_perform(scan->multi, &running);
        if (has_ended(scan, &code)) {
            end_answer(scan);
            scan->ending = code == CURLE_OK
                               ? REPLI_EDONE
                               : alldata__caller_error(&client->caller, &scan->error, code,
                                                       "the node", shown, scan->why);
            return;
        }
        if (repli__mono_ns() - scan->silent_ns >= patience_ns) {
            end_answer(scan);
            scan->ending = repli__error(&scan->error, REPLI_ETIMEOUT, ALLDATA__CLIENT,
                                        "the node at %s sends nothing", shown);
            return;
        }
        if (scan->text.size == before)
            curl->multi_poll(scan->multi, NULL, 0, 100, NULL);
    }
}

/* Reading what has come. */

/* Drop what was read, now and then. */
static void compact(alldata_client_scan *scan) {
    if (scan->at == 0 || scan->at < scan->text.size / 2)
        return;
    memmove(scan->text.data, scan->text.data + scan->at, scan->text.size - scan->at);
    scan->text.size -= scan->at;
    scan->at = 0;
}

/* Bytes of the record that begins here; 0: that cannot be told yet, or it is none. */
static size_t record_size(const char *text, size_t size) {
    size_t sizes[2] = {0, 0};
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        while (at < size && text[at] >= '0' && text[at] <= '9' && sizes[i] <= MOST_RECORD)
            sizes[i] = sizes[i] * 10 + (size_t)(text[at++] - '0');
        if (at >= size || text[at++] != ' ')
            return 0;
    }
    return at + sizes[0] + 1 + sizes[1] + 1;
}

/* REPLI_EDONE: there is no whole record. */
static int32_t take_record(alldata_client_scan *scan, alldata_record *ret_record,
                           repli_error *err) {
    const size_t left = scan->text.size - scan->at;
    if (left == 0)
        return REPLI_EDONE;
    const char *text = scan->text.data + scan->at;
    if (text[0] < '0' || text[0] > '9')
        return REPLI_EDONE;
    const size_t size = record_size(text, left);
    if (size > MOST_RECORD || (size == 0 && left >= ALLDATA__FRAME_HEAD))
        return repli__error(err, REPLI_EPROTOCOL, ALLDATA__CLIENT,
                            "the node at %s sends what are no records",
                            scan->client->places[scan->place].shown);
    if (size == 0 || size > left)
        return REPLI_EDONE;
    alldata__frames frames = {text, size, 0};
    const int32_t code = alldata__frame_next(&frames, ret_record, err);
    scan->at += code == REPLI_OK ? size : 0;
    return code;
}

static int32_t remember(alldata_client_scan *scan, const alldata_record *record, repli_error *err) {
    const repli__mem *mem = &scan->client->mem;
    char *last = repli__realloc(mem, scan->last, record->key_size + 1);
    if (last == NULL)
        return no_memory(err);
    memcpy(last, record->key, record->key_size);
    last[record->key_size] = '\0';
    scan->last = last;
    scan->failures = 0;
    scan->left -= scan->limited;
    return REPLI_OK;
}

/* What the last line of a whole answer says: REPLI_OK: there is more to be asked for. */
static int32_t read_end(alldata_client_scan *scan, repli_error *err) {
    const size_t size = scan->text.size - scan->at;
    if (size < 2 || scan->text.data[scan->text.size - 1] != '\n')
        return repli__error(err, REPLI_ELOST, ALLDATA__CLIENT,
                            "the answer of the node at %s ends too early",
                            scan->client->places[scan->place].shown);
    char *line = scan->text.data + scan->at;
    line[size - 1] = '\0';
    if (strcmp(line, "end") == 0)
        return REPLI_EDONE;
    if (strncmp(line, "more ", 5) == 0)
        return scan->limited && scan->left == 0 ? REPLI_EDONE : REPLI_OK;
    if (strncmp(line, "fail ", 5) != 0)
        return repli__error(err, REPLI_EPROTOCOL, ALLDATA__CLIENT,
                            "the node at %s sends what are no records",
                            scan->client->places[scan->place].shown);
    const size_t name = strcspn(line + 5, " ");
    const char *message = line[5 + name] == ' ' ? line + 6 + name : line + 5;
    line[5 + name] = '\0';
    return repli__error(err, alldata__code_named(line + 5), ALLDATA__CLIENT, "%s", message);
}

static int32_t refused(alldata_client_scan *scan, repli_error *err) {
    const alldata__answer answer = {.status = (int32_t)scan->status, .body = scan->text};
    alldata__verdict verdict;
    alldata__verdict_refused(&answer, &verdict);
    return alldata__verdict_error(&verdict, err);
}

/* There is nothing left of an answer. REPLI_OK: another is to be asked for. */
static int32_t end_of_answer(alldata_client_scan *scan) {
    repli_error *err = &scan->error;
    int32_t code = scan->ending;
    if (code == REPLI_EDONE)
        code = scan->status == 200 ? read_end(scan, err) : refused(scan, err);
    if (code == REPLI_OK || code == REPLI_EDONE)
        return code;
    const int again = code == REPLI_ELOST || code == REPLI_EREFUSED || code == REPLI_ETIMEOUT ||
                      (code == REPLI_EFULL && scan->status == 503);
    if (!again || ++scan->failures > scan->client->place_count)
        return code;
    scan->place = (scan->place + 1) % scan->client->place_count;
    return REPLI_OK;
}

/* The next record, or REPLI_EDONE; REPLI_OK with a record without a key: none yet. */
static int32_t advance(alldata_client_scan *scan, alldata_record *ret_record) {
    int32_t code = REPLI_OK;
    if (scan->limited && scan->left == 0)
        return REPLI_EDONE;
    if (!scan->asked)
        code = ask(scan, &scan->error);
    if (code == REPLI_OK)
        code = take_record(scan, ret_record, &scan->error);
    if (code == REPLI_OK)
        return remember(scan, ret_record, &scan->error);
    if (code != REPLI_EDONE)
        return code;
    if (scan->running) {
        read_piece(scan);
        return REPLI_OK;
    }
    scan->asked = 0;
    return end_of_answer(scan);
}

int32_t alldata_client_scan_next(alldata_client_scan *scan, alldata_record *ret_record,
                                 repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    const int32_t code = alldata__client_check(scan->client, err);
    if (code != REPLI_OK)
        return code;
    compact(scan);
    while (!scan->over && record.key == NULL) {
        scan->code = advance(scan, &record);
        scan->over = scan->code != REPLI_OK;
    }
    if (!scan->over) {
        *ret_record = record;
        return REPLI_OK;
    }
    end_answer(scan);
    if (scan->code == REPLI_EDONE)
        return repli__error(err, REPLI_EDONE, ALLDATA__CLIENT, "there are no more events");
    return repli__error_copy(err, &scan->error);
}
