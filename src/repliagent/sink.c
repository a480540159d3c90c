#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "sink_batch.h"
#include "sink_cursor.h"
#include "sink_http.h"

/* LOOK_MS: a look at the log of events even if nobody told of news. ATTEMPTS_MAX: of keys that
 * other events have; so many agents do not share a store. */
enum {
    PAGE = 500,
    BATCH_BYTES = 4 << 20,
    LOOK_MS = 5000,
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 10000,
    ATTEMPTS_MAX = 16
};
#define SAME_TIME_NS INT64_C(60000000000)

struct sink {
    repli_agent *agent;
    struct logsink *log;
    struct sink_http *http;
    repli_subscription *subscription;
    char path[PATH_MAX]; /* of the cursor */
    pthread_t thread;
    atomic_int ends;
    atomic_uint_fast64_t shipped; /* since the start */
    atomic_uint_fast64_t failures;
    atomic_int_fast64_t done; /* number of the last event that was shipped */
    atomic_int failing;       /* the last try failed */
    char metrics[1024];

    pthread_mutex_t mutex; /* guards news */
    pthread_cond_t told;
    int news;

    /* Of the thread. */
    struct sink_cursor cursor;
    struct sink_batch batch;
    int64_t stuck; /* number of the event that needs another key than its own; 0: none */
    struct sink_naming naming; /* of it */
    int retry_ms;
};

static const char *sink_address(const struct config *config) {
    const char *address = settings_text(&config->all, "events.sink");
    return address != NULL && address[0] != '\0' ? address : NULL;
}

void sink_check(struct config *config, struct problems *problems) {
    const struct setting *setting = settings_find(&config->all, "events.sink");
    const char *address = sink_address(config), *why = NULL;
    if (address != NULL && !sink_http_check(address, &why))
        problems_error(problems, setting->at, "events.sink: found \"%s\", but %s", address, why);
}

/* Waiting. */

static void on_event(void *user_data, const repli_event *event) {
    struct sink *sink = user_data;
    (void)event;
    pthread_mutex_lock(&sink->mutex);
    sink->news = 1;
    pthread_cond_signal(&sink->told);
    pthread_mutex_unlock(&sink->mutex);
}

/* Until there is news, if that matters, or the end, or the time is over. */
static void wait_ms(struct sink *sink, int ms, int for_news) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&sink->mutex);
    while (!atomic_load(&sink->ends) && !(for_news && sink->news))
        if (pthread_cond_timedwait(&sink->told, &sink->mutex, &until) == ETIMEDOUT)
            break;
    sink->news = 0;
    pthread_mutex_unlock(&sink->mutex);
}

/* Said once, however long it lasts. */
static void fail(struct sink *sink, const char *what, const char *why) {
    if (atomic_load(&sink->ends))
        return;
    atomic_fetch_add(&sink->failures, 1);
    if (!atomic_exchange(&sink->failing, 1))
        logsink_printf(sink->log, REPLI_LOG_WARNING,
                       "events wait to be shipped, trying again: %s: %s", what, why);
    sink->retry_ms = sink->retry_ms == 0 ? RETRY_MIN_MS : 2 * sink->retry_ms;
    if (sink->retry_ms > RETRY_MAX_MS)
        sink->retry_ms = RETRY_MAX_MS;
    wait_ms(sink, sink->retry_ms, 0);
}

/* The cursor. */

/* Whether the event at the cursor is the one that was shipped. What is not kept any more proves
 * nothing. */
static int is_same_log(struct sink *sink, int *ret_same) {
    repli_doc *doc;
    const repli_event *events;
    size_t count;
    repli_error error = REPLI_ERROR_INIT;
    const int64_t number = sink->cursor.number;
    *ret_same = 1;
    if (number == 0)
        return 0;
    const int32_t code =
        repli_agent_events(sink->agent, number - 1, 1, &doc, &events, &count, NULL, NULL, &error);
    if (code == REPLI_ECONFLICT) {
        *ret_same = 0;
        return 0;
    }
    if (code != REPLI_OK) {
        fail(sink, "the log cannot be read", error.message);
        return -1;
    }
    if (count == 0)
        *ret_same = 0;
    else if (events[0].number == number)
        *ret_same = events[0].time_ns == sink->cursor.time_ns;
    repli_doc_free(doc);
    return 0;
}

static int find_beginning(struct sink *sink) {
    int same;
    if (sink_cursor_load(sink->path, &sink->cursor) != 0) {
        if (errno != EINVAL) {
            fail(sink, sink->path, strerror(errno));
            return -1;
        }
        logsink_printf(sink->log, REPLI_LOG_WARNING,
                       "%s is damaged: all events are shipped again, under the same keys",
                       sink->path);
    }
    if (is_same_log(sink, &same) != 0)
        return -1;
    if (!same) {
        logsink_printf(sink->log, REPLI_LOG_WARNING,
                       "%s belongs to another database: events are shipped from the first",
                       sink->path);
        sink->cursor = (struct sink_cursor){0};
    }
    atomic_store(&sink->done, sink->cursor.number);
    sink->stuck = sink->cursor.odd_number;
    sink->naming = (struct sink_naming){sink->cursor.odd_ns, 0};
    return 0;
}

static int save(struct sink *sink, const struct sink_cursor *cursor) {
    if (sink_cursor_save(sink->path, cursor) != 0) {
        fail(sink, sink->path, strerror(errno));
        return -1;
    }
    sink->cursor = *cursor;
    return 0;
}

static int advance(struct sink *sink, const repli_event *event, size_t count) {
    const struct sink_cursor cursor = {
        .number = event->number,
        .time_ns = event->time_ns,
    };
    if (save(sink, &cursor) != 0)
        return -1;
    atomic_store(&sink->done, cursor.number);
    atomic_fetch_add(&sink->shipped, count);
    return 0;
}

/* Shipping. */

static void pass_gap(struct sink *sink, int64_t first) {
    if (first == sink->cursor.number + 1)
        return;
    if (sink->cursor.number > 0)
        logsink_printf(sink->log, REPLI_LOG_WARNING,
                       "events %" PRId64 " to %" PRId64
                       " were not shipped and are not kept any more",
                       sink->cursor.number + 1, first - 1);
    sink->cursor.number = first - 1;
}

static int fill_batch(struct sink *sink, const repli_event *events, size_t count) {
    static const struct sink_naming own = {0, 0};
    sink_batch_clear(&sink->batch);
    for (size_t i = 0; i < count && sink->batch.size < BATCH_BYTES; i++)
        if (sink_batch_add(&sink->batch, &events[i],
                           events[i].number == sink->stuck ? &sink->naming : &own) != 0)
            return sink->batch.count > 0 ? 0 : -1;
    return 0;
}

/* Its own time is too far in the future, as of a clock that was wrong, so that it gets that of now:
 * unless it had that before, when the clocks differ. */
static int choose_time(struct sink *sink, const repli_event *event) {
    const int64_t now_ns = clock_wall_ns();
    if (sink->naming.time_ns != 0 && llabs(now_ns - sink->naming.time_ns) < SAME_TIME_NS)
        return -1;
    logsink_printf(sink->log, REPLI_LOG_WARNING,
                   "event %" PRId64 " has a time that AllData does not accept: it is shipped with "
                   "that of now in its key",
                   event->number);
    struct sink_cursor cursor = sink->cursor;
    cursor.odd_number = event->number;
    cursor.odd_ns = now_ns;
    if (save(sink, &cursor) == 0)
        sink->naming = (struct sink_naming){now_ns, 0};
    return 0;
}

/* The event that was not taken gets another key, always the same, or one that is written down. */
static int choose_key(struct sink *sink, const repli_event *event, int end) {
    if (sink->stuck != event->number)
        sink->naming = (struct sink_naming){0, 0};
    sink->stuck = event->number;
    if (end == SINK_KEY_REFUSED)
        return choose_time(sink, event);
    return sink->naming.attempt++ < ATTEMPTS_MAX ? 0 : -1;
}

static void succeed(struct sink *sink) {
    sink->retry_ms = 0;
    if (atomic_exchange(&sink->failing, 0))
        logsink_printf(sink->log, REPLI_LOG_INFO, "events are shipped again");
}

static void ship(struct sink *sink, const repli_event *events, size_t count) {
    struct sink_answer answer;
    int end;
    char why[REPLI_ERROR_MESSAGE_SIZE];
    if (fill_batch(sink, events, count) != 0) {
        fail(sink, "a batch", "out of memory");
        return;
    }
    if (sink_http_post(sink->http, sink->batch.text, sink->batch.size, &answer) != 0) {
        fail(sink, "no node answers", sink_http_message(sink->http));
        return;
    }
    const size_t taken = sink_batch_judge(&sink->batch, answer.status, answer.body, answer.size,
                                          &end, why, sizeof(why));
    if (taken > 0 && advance(sink, &events[taken - 1], taken) != 0)
        return;
    if (end == SINK_TAKEN || (end != SINK_FAILED && choose_key(sink, &events[taken], end) == 0)) {
        succeed(sink);
        return;
    }
    if (end != SINK_FAILED)
        snprintf(why, sizeof(why), "event %" PRId64 " is not accepted under any key",
                 events[taken].number);
    const char *node = sink_http_node(sink->http);
    fail(sink, node, why);
    sink_http_turn(sink->http);
}

/* A page of events; returns 0 if there are none. */
static int ship_page(struct sink *sink) {
    repli_doc *doc;
    const repli_event *events;
    size_t count;
    repli_error error = REPLI_ERROR_INIT;
    if (repli_agent_events(sink->agent, sink->cursor.number, PAGE, &doc, &events, &count, NULL,
                           NULL, &error) != REPLI_OK) {
        fail(sink, "the log cannot be read", error.message);
        return 1;
    }
    if (count > 0) {
        pass_gap(sink, events[0].number);
        ship(sink, events, count);
    }
    repli_doc_free(doc);
    return count > 0;
}

static void *run(void *arg) {
    struct sink *sink = arg;
    while (!atomic_load(&sink->ends) && find_beginning(sink) != 0)
        continue;
    while (!atomic_load(&sink->ends))
        if (!ship_page(sink))
            wait_ms(sink, LOOK_MS, 1);
    return NULL;
}

/* Its life. */

static const char *write_metrics(void *user_data) {
    struct sink *sink = user_data;
    snprintf(sink->metrics, sizeof(sink->metrics),
             "# HELP repliagent_sink_events Events that were shipped to AllData.\n"
             "# TYPE repliagent_sink_events counter\n"
             "repliagent_sink_events %" PRIuFAST64 "\n"
             "# HELP repliagent_sink_failures Tries to ship events that failed.\n"
             "# TYPE repliagent_sink_failures counter\n"
             "repliagent_sink_failures %" PRIuFAST64 "\n"
             "# HELP repliagent_sink_failing 1 if the last try failed.\n"
             "# TYPE repliagent_sink_failing gauge\n"
             "repliagent_sink_failing %d\n"
             "# HELP repliagent_sink_last Number of the last event that was shipped.\n"
             "# TYPE repliagent_sink_last gauge\n"
             "repliagent_sink_last %" PRIdFAST64 "\n",
             atomic_load(&sink->shipped), atomic_load(&sink->failures), atomic_load(&sink->failing),
             atomic_load(&sink->done));
    return sink->metrics;
}

static int make(struct sink *sink, const struct config *config) {
    const char *secret = settings_text(&config->all, "events.sink_secret");
    const char *store = settings_text(&config->all, "store_path");
    pthread_condattr_t monotonic;
    pthread_mutex_init(&sink->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->told, &monotonic);
    pthread_condattr_destroy(&monotonic);
    snprintf(sink->path, sizeof(sink->path), "%s.sink", store);
    sink->http =
        sink_http_new(sink_address(config), secret != NULL && secret[0] != '\0' ? secret : NULL,
                      settings_text(&config->all, "events.sink_ca"), &sink->ends);
    return sink->http != NULL ? 0 : -1;
}

static void dispose(struct sink *sink) {
    sink_http_free(sink->http);
    sink_batch_free(&sink->batch);
    pthread_cond_destroy(&sink->told);
    pthread_mutex_destroy(&sink->mutex);
    free(sink);
}

static void detach(struct sink *sink) {
    repli_agent_set_metrics(sink->agent, NULL, NULL, NULL);
    repli_agent_unsubscribe(sink->agent, sink->subscription);
}

/* Returns 0, or -1 with the reason. */
static int attach(struct sink *sink, repli_error *err) {
    if (repli_agent_subscribe(sink->agent, REPLI_EVENTS_NEW, on_event, sink, &sink->subscription,
                              err) != REPLI_OK ||
        repli_agent_set_metrics(sink->agent, write_metrics, sink, err) != REPLI_OK)
        return -1;
    const int problem = pthread_create(&sink->thread, NULL, run, sink);
    if (problem != 0)
        snprintf(err->message, sizeof(err->message), "no thread can be started: %s",
                 strerror(problem));
    return problem != 0 ? -1 : 0;
}

int sink_start(const struct config *config, repli_agent *agent, struct logsink *log,
               struct sink **ret_sink) {
    repli_error error = REPLI_ERROR_INIT;
    *ret_sink = NULL;
    if (sink_address(config) == NULL)
        return 0;
    struct sink *sink = calloc(1, sizeof(*sink));
    snprintf(error.message, sizeof(error.message), "out of memory");
    if (sink != NULL) {
        sink->agent = agent;
        sink->log = log;
        if (make(sink, config) == 0 && attach(sink, &error) == 0) {
            *ret_sink = sink;
            return 0;
        }
        detach(sink);
        dispose(sink);
    }
    logsink_printf(log, REPLI_LOG_ERROR, "events cannot be shipped: %s", error.message);
    return -1;
}

void sink_stop(struct sink *sink) {
    if (sink == NULL)
        return;
    detach(sink);
    pthread_mutex_lock(&sink->mutex);
    atomic_store(&sink->ends, 1);
    pthread_cond_signal(&sink->told);
    pthread_mutex_unlock(&sink->mutex);
    pthread_join(sink->thread, NULL);
    dispose(sink);
}
