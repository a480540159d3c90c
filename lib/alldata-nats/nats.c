#include "alldata-nats/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"

/*
 * An event is a message under a subject of its own, and is published on the condition that there is
 * none yet: so the servers see to it that nothing changes, whichever node writes. Ids of messages,
 * by which servers drop what comes twice, would do so without a look at what it is, and only for a
 * while.
 *
 * libnats has threads of its own, and takes its memory from malloc.
 */

int32_t alldata__nats_error(repli_error *err, natsStatus status, const char *what,
                            const char *reason) {
    int32_t code = REPLI_EIO;
    switch (status) {
    case NATS_NO_SERVER: code = REPLI_EREFUSED; break;
    case NATS_TIMEOUT:
    case NATS_NO_RESPONDERS: code = REPLI_ETIMEOUT; break;
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED: code = REPLI_ELOST; break;
    case NATS_CONNECTION_AUTH_FAILED: code = REPLI_EAUTH; break;
    case NATS_NOT_PERMITTED: code = REPLI_EPERMISSION; break;
    case NATS_NOT_FOUND: code = REPLI_ENOTFOUND; break;
    case NATS_NO_MEMORY: code = REPLI_ENOMEM; break;
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING: code = REPLI_EINVALID; break;
    case NATS_MAX_PAYLOAD:
    case NATS_INSUFFICIENT_BUFFER: code = REPLI_EFULL; break;
    default: break;
    }
    repli__error(err, code, ALLDATA__NATS, "cannot %s: %s", what, natsStatus_GetText(status));
    repli__error_cause(err, reason != NULL ? reason : "");
    return code;
}

void alldata__nats_subject(const alldata__nats *self, const char *kind, const char *interval,
                           const char *key, size_t key_size, char to[ALLDATA__SUBJECT_SIZE]) {
    snprintf(to, ALLDATA__SUBJECT_SIZE, "%s.%s.%s%s%.*s", self->stream, kind, interval,
             key_size > 0 ? "." : "", (int)key_size, key);
}

/* Put. Answers come in libnats' thread, all of them before the one who waits goes on. */

static alldata_record *find_record(alldata__nats *self, const char *subject) {
    const size_t size = strlen(subject);
    for (size_t i = 0; i < self->count && size > ALLDATA__NATS_KEY; i++) {
        /* Answers come in the order of what they answer. */
        const size_t place = (self->answered + i) % self->count;
        if (memcmp(subject + size - ALLDATA__NATS_KEY, self->records[place]->key,
                   ALLDATA__NATS_KEY) == 0) {
            self->answered = place;
            return self->records[place];
        }
    }
    return NULL;
}

/* What comes too late, of a put before, is nobody's any more. */
static void refused(jsCtx *js, jsPubAckErr *answer, void *closure) {
    alldata__nats *self = closure;
    (void)js;
    pthread_mutex_lock(&self->mutex);
    alldata_record *record = find_record(self, natsMsg_GetSubject(answer->Msg));
    if (record != NULL && answer->ErrCode == JSStreamWrongLastSequenceErr) {
        record->code = REPLI_ECONFLICT;
    } else if (record != NULL) {
        self->failure = answer->Err != NATS_OK ? answer->Err : NATS_ERR;
        snprintf(self->reason, sizeof(self->reason), "%s",
                 answer->ErrText != NULL ? answer->ErrText : "");
    }
    pthread_mutex_unlock(&self->mutex);
}

static int32_t get(void *argument, const char *key, size_t key_size, alldata_take_fn take,
                   void *user_data, repli_error *err) {
    const alldata__nats_interval *interval = argument;
    alldata__nats *self = interval->owner;
    char subject[ALLDATA__SUBJECT_SIZE];
    natsMsg *message = NULL;
    alldata__nats_subject(self, "event", interval->name, key, key_size, subject);
    const natsStatus status = js_GetLastMsg(&message, self->js, self->stream, subject, NULL, NULL);
    if (status != NATS_OK)
        return alldata__nats_error(err, status, "look for a key in JetStream", NULL);
    take(user_data, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return REPLI_OK;
}

static natsStatus publish(const alldata__nats_interval *interval, const alldata_record *record) {
    const alldata__nats *self = interval->owner;
    char subject[ALLDATA__SUBJECT_SIZE];
    jsPubOptions options;
    if (record->event_size > INT32_MAX)
        return NATS_MAX_PAYLOAD;
    alldata__nats_subject(self, "event", interval->name, record->key, record->key_size, subject);
    jsPubOptions_Init(&options);
    options.ExpectNoMessage = true;
    return js_PublishAsync(self->js, subject, record->event, (int)record->event_size, &options);
}

/* What has had no answer would be waited for by every put to come. */
static void forget_unanswered(const alldata__nats *self) {
    natsMsgList list = {.Msgs = NULL};
    if (js_PublishAsyncGetPendingList(&list, self->js) == NATS_OK)
        natsMsgList_Destroy(&list);
}

static natsStatus publish_all(alldata__nats_interval *interval, alldata_record *const *records,
                              size_t count) {
    alldata__nats *self = interval->owner;
    jsPubOptions options;
    natsStatus status = NATS_OK;
    for (size_t i = 0; i < count && status == NATS_OK; i++) {
        status = publish(interval, records[i]);
        /* This one is too large; the others are not. */
        if (status == NATS_MAX_PAYLOAD) {
            pthread_mutex_lock(&self->mutex);
            records[i]->code = REPLI_EFULL;
            pthread_mutex_unlock(&self->mutex);
            status = NATS_OK;
        }
    }
    jsPubOptions_Init(&options);
    options.MaxWait = self->timeout_ms;
    const natsStatus all = js_PublishAsyncComplete(self->js, &options);
    if (all != NATS_OK)
        forget_unanswered(self);
    return status != NATS_OK ? status : all;
}

static int32_t put(void *argument, alldata_record *const *records, size_t count, uint32_t flags,
                   repli_error *err) {
    alldata__nats_interval *interval = argument;
    alldata__nats *self = interval->owner;
    (void)flags;
    pthread_mutex_lock(&self->mutex);
    self->records = records;
    self->count = count;
    self->answered = 0;
    self->failure = NATS_OK;
    self->reason[0] = '\0';
    pthread_mutex_unlock(&self->mutex);
    natsStatus status = publish_all(interval, records, count);
    char reason[sizeof(self->reason)];
    pthread_mutex_lock(&self->mutex);
    self->records = NULL;
    self->count = 0;
    if (self->failure != NATS_OK)
        status = self->failure;
    memcpy(reason, self->reason, sizeof(reason));
    pthread_mutex_unlock(&self->mutex);
    if (status != NATS_OK)
        return alldata__nats_error(err, status, "store events in JetStream", reason);
    return alldata__nats_settle(interval, records, count, err);
}

/* What was acknowledged is as durable as the servers make it. */
static int32_t sync_interval(void *argument, repli_error *err) {
    (void)argument;
    (void)err;
    return REPLI_OK;
}

/* Other nodes write to the same stream, so that no key is known to be the last. */
static int32_t newest(void *argument, alldata_take_fn take, void *user_data, repli_error *err) {
    (void)argument;
    (void)take;
    (void)user_data;
    return repli__error(err, REPLI_ENOTFOUND, ALLDATA__NATS, "the last key is not known");
}

/* Intervals. */

static int32_t list(void *argument, alldata_take_fn take, void *user_data, repli_error *err) {
    alldata__nats *self = argument;
    char filter[ALLDATA__SUBJECT_SIZE];
    jsOptions options;
    jsStreamInfo *info = NULL;
    jsOptions_Init(&options);
    alldata__nats_subject(self, "interval", "*", "", 0, filter);
    options.Stream.Info.SubjectsFilter = filter;
    const natsStatus status = js_GetStreamInfo(&info, self->js, self->stream, &options, NULL);
    if (status != NATS_OK)
        return alldata__nats_error(err, status, "list the intervals in JetStream", NULL);
    const jsStreamStateSubjects *subjects = info->State.Subjects;
    for (int i = 0; subjects != NULL && i < subjects->Count; i++) {
        const char *name = strrchr(subjects->List[i].Subject, '.') + 1;
        if (take(user_data, name, strlen(name)) != 0)
            break;
    }
    jsStreamInfo_Destroy(info);
    return REPLI_OK;
}

static natsStatus mark_interval(const alldata__nats *self, const char *subject) {
    jsPubOptions options;
    jsErrCode code = 0;
    jsPubOptions_Init(&options);
    options.ExpectNoMessage = true;
    const natsStatus status = js_Publish(NULL, self->js, subject, "", 0, &options, &code);
    return code == JSStreamWrongLastSequenceErr ? NATS_OK : status;
}

static int32_t open_interval(void *argument, const char *name, uint32_t flags, void **ret_interval,
                             repli_error *err) {
    alldata__nats *self = argument;
    char subject[ALLDATA__SUBJECT_SIZE];
    alldata__nats_subject(self, "interval", name, "", 0, subject);
    natsMsg *mark = NULL;
    natsStatus status = js_GetLastMsg(&mark, self->js, self->stream, subject, NULL, NULL);
    natsMsg_Destroy(mark);
    if (status == NATS_NOT_FOUND && (flags & ALLDATA_INTERVAL_CREATE) != 0)
        status = mark_interval(self, subject);
    if (status != NATS_OK)
        return alldata__nats_error(err, status, "open an interval in JetStream", NULL);
    alldata__nats_interval *interval = repli__calloc(&self->mem, 1, sizeof(*interval));
    if (interval == NULL)
        return repli__error_nomem(err, ALLDATA__NATS, "opening an interval");
    interval->owner = self;
    snprintf(interval->name, sizeof(interval->name), "%s", name);
    *ret_interval = interval;
    return REPLI_OK;
}

static void close_interval(void *argument) {
    alldata__nats_interval *interval = argument;
    repli__free(&interval->owner->mem, interval);
}

/* The module. */

static int32_t refuse_setting(repli_error *err, const alldata_setting *setting, const char *why) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, ALLDATA__NATS, "the setting %s %s",
                        repli__utf8_quote(quote, setting->name), why);
}

static int take_number(const char *text, int64_t least, int64_t most, int64_t *ret) {
    char *end = NULL;
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < least || number > most)
        return 0;
    *ret = number;
    return 1;
}

static int is_stream(const char *name) {
    const size_t size = strlen(name);
    return size > 0 && size < ALLDATA__STREAM_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == size;
}

static int32_t take_setting(alldata__nats *self, const alldata_setting *setting, repli_error *err) {
    if (strcmp(setting->name, "stream") == 0) {
        if (!is_stream(setting->value))
            return refuse_setting(err, setting,
                                  "is no name of a stream: up to 32 letters, digits, _ and -");
        snprintf(self->stream, sizeof(self->stream), "%s", setting->value);
        return REPLI_OK;
    }
    if (strcmp(setting->name, "replicas") == 0)
        return take_number(setting->value, 1, 5, &self->replicas)
                   ? REPLI_OK
                   : refuse_setting(err, setting, "is not 1 to 5");
    if (strcmp(setting->name, "max_age") == 0)
        return take_number(setting->value, 0, INT64_C(9000000000), &self->max_age_s)
                   ? REPLI_OK
                   : refuse_setting(err, setting, "is no number of seconds");
    if (strcmp(setting->name, "timeout_ms") == 0)
        return take_number(setting->value, 1, INT32_MAX, &self->timeout_ms)
                   ? REPLI_OK
                   : refuse_setting(err, setting, "is no number of milliseconds");
    return refuse_setting(err, setting,
                          "does not exist: there are stream, replicas, max_age and timeout_ms");
}

static natsStatus connect_to(alldata__nats *self, const char *location) {
    natsOptions *options = NULL;
    jsOptions js;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK)
        status = natsOptions_SetURL(options, location);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, self->timeout_ms);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK)
        status = natsConnection_Connect(&self->connection, options);
    natsOptions_Destroy(options);
    jsOptions_Init(&js);
    js.Wait = self->timeout_ms;
    js.PublishAsync.ErrHandler = refused;
    js.PublishAsync.ErrHandlerClosure = self;
    js.PublishAsync.StallWait = self->timeout_ms;
    return status == NATS_OK ? natsConnection_JetStream(&self->js, self->connection, &js) : status;
}

static natsStatus see_to_stream(alldata__nats *self) {
    char subject[ALLDATA__SUBJECT_SIZE];
    const char *subjects[] = {subject};
    jsErrCode code = 0;
    jsStreamConfig config;
    jsStreamInfo *info = NULL;
    natsStatus status = js_GetStreamInfo(&info, self->js, self->stream, NULL, &code);
    jsStreamInfo_Destroy(info);
    if (status != NATS_NOT_FOUND)
        return status;
    snprintf(subject, sizeof(subject), "%s.>", self->stream);
    jsStreamConfig_Init(&config);
    config.Name = self->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardNew;
    config.Replicas = self->replicas;
    config.MaxAge = self->max_age_s * INT64_C(1000000000);
    config.DenyDelete = true;
    config.DenyPurge = true;
    status = js_AddStream(NULL, self->js, &config, NULL, &code);
    /* Another node was quicker. */
    return code == JSStreamNameExistErr ? NATS_OK : status;
}

static void close_nats(void *argument) {
    alldata__nats *self = argument;
    jsCtx_Destroy(self->js);
    natsConnection_Destroy(self->connection);
    pthread_mutex_destroy(&self->mutex);
    const repli__mem mem = self->mem;
    repli__free(&mem, self);
}

static int32_t open_nats(const alldata_module_args *args, void **ret_self, repli_error *err) {
    repli__mem mem;
    repli__mem_init(&mem, args->allocator);
    alldata__nats *self = repli__calloc(&mem, 1, sizeof(*self));
    if (self == NULL)
        return repli__error_nomem(err, ALLDATA__NATS, "opening a storage");
    self->mem = mem;
    self->timeout_ms = 5000;
    self->replicas = 1;
    snprintf(self->stream, sizeof(self->stream), "ALLDATA");
    pthread_mutex_init(&self->mutex, NULL);
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < args->setting_count && code == REPLI_OK; i++)
        code = take_setting(self, &args->settings[i], err);
    if (code == REPLI_OK) {
        natsStatus status = connect_to(self, args->location);
        if (status == NATS_OK)
            status = see_to_stream(self);
        if (status != NATS_OK)
            code = alldata__nats_error(err, status, "use NATS JetStream", NULL);
    }
    if (code != REPLI_OK) {
        close_nats(self);
        return code;
    }
    *ret_self = self;
    return REPLI_OK;
}

const alldata_storage_module *alldata_nats_module(void) {
    static const alldata_storage_module module = {
        .struct_size = sizeof(module),
        .abi_version = ALLDATA_MODULE_ABI,
        .name = "nats",
        .open = open_nats,
        .close = close_nats,
        .list = list,
        .interval_open = open_interval,
        .interval_close = close_interval,
        .put = put,
        .sync = sync_interval,
        .get = get,
        .newest = newest,
        .cursor_open = alldata__nats_cursor_open,
        .cursor_next = alldata__nats_cursor_next,
        .cursor_close = alldata__nats_cursor_close,
    };
    return &module;
}
