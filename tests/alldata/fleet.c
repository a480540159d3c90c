#include "fleet.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alldata/wire/event.h"
#include "alldata/wire/frame.h"

enum { PORT = 7000, RECORDS = 8192 };

struct flight {
    flight *next;
    alldata_call call;
    fleet *fleet;
    int from, to;
    uint64_t due_ns, deadline_ns;
    int begun, claimed, holds; /* by the store in progress */
};

void pause_ms(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Answers: whoever claims a flight, under the mutex, answers it, without. */

static void answer(flight *it, int32_t status, const char *body, int32_t code) {
    fleet *f = it->fleet;
    repli_error error = REPLI_ERROR_INIT;
    error.code = code;
    snprintf(error.message, sizeof(error.message), "the network says %d", (int)code);
    const alldata_reply reply = {.struct_size = sizeof(reply),
                                 .status = status,
                                 .body = body,
                                 .body_size = strlen(body),
                                 .error = status == 0 ? &error : NULL};
    it->call.reply(it->call.user_data, &reply);
    pthread_mutex_lock(&f->mutex);
    it->claimed = 2;
    pthread_cond_broadcast(&f->cond);
    pthread_mutex_unlock(&f->mutex);
}

static int claim(flight *it) {
    pthread_mutex_lock(&it->fleet->mutex);
    const int mine = !it->claimed;
    if (mine)
        it->claimed = 1;
    pthread_mutex_unlock(&it->fleet->mutex);
    return mine;
}

static void let_go(flight *it) {
    fleet *f = it->fleet;
    pthread_mutex_lock(&f->mutex);
    it->holds--;
    pthread_cond_broadcast(&f->cond);
    pthread_mutex_unlock(&f->mutex);
}

static void take_stored(void *user_data, const alldata_put_result *results, size_t count) {
    flight *it = user_data;
    fleet *f = it->fleet;
    const int reference = strcmp(it->call.path, "/") == 0;
    char *body = calloc(count + 1, 48);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (results[i].code != REPLI_OK)
            used +=
                (size_t)sprintf(body + used, "%zu %s\n", i, alldata_error_name(results[i].code));
    const int32_t status = used == 0                            ? 201
                           : !reference                         ? 200
                           : results[0].code == REPLI_ECONFLICT ? 409
                                                                : 500;
    if (atomic_load(&f->links[it->from][it->to]) != LINK_MUTE && claim(it))
        answer(it, status, reference ? "" : body, REPLI_OK);
    free(body);
    let_go(it);
}

static size_t read_records(const flight *it, alldata_record *records) {
    size_t count = 0;
    if (strcmp(it->call.path, "/") == 0) {
        records[0] = (alldata_record)ALLDATA_RECORD_INIT;
        return alldata__body_read(it->call.body, it->call.body_size, &records[0], NULL) == REPLI_OK;
    }
    alldata__frames frames = {.text = it->call.body, .size = it->call.body_size};
    do
        records[count] = (alldata_record)ALLDATA_RECORD_INIT;
    while (count < RECORDS && alldata__frame_next(&frames, &records[count], NULL) == REPLI_OK &&
           ++count);
    return count;
}

static void store(flight *it) {
    fleet_node *to = &it->fleet->nodes[it->to];
    static alldata_record records[RECORDS]; /* of the network's thread alone */
    const size_t count = read_records(it, records);
    const uint32_t flags = strstr(it->call.path, "late=1") != NULL ? ALLDATA_PUT_LATE : 0;
    if (count > atomic_load(&it->fleet->most_records))
        atomic_store(&it->fleet->most_records, count);
    atomic_fetch_add(&to->requests, 1);
    pthread_mutex_lock(&it->fleet->mutex);
    const int is_up = to->is_up;
    it->holds = 2 * is_up; /* the call, and what it calls */
    pthread_mutex_unlock(&it->fleet->mutex);
    if (count > 0 && memcmp(records[0].key, it->fleet->stubborn, ALLDATA_KEY_LENGTH) == 0) {
        if (is_up)
            it->holds = 0;
        if (claim(it))
            answer(it, 500, "", REPLI_OK);
        return;
    }
    int32_t code = is_up ? REPLI_EINVALID : REPLI_EREFUSED;
    if (is_up && count > 0)
        code = alldata_coordinator_store(to->coordinator, records, count, flags, take_stored, it,
                                         NULL);
    if (code != REPLI_OK && is_up)
        let_go(it);
    if (code != REPLI_OK && claim(it))
        answer(it, count == 0 ? 400 : is_up ? 503 : 0, "", code);
    if (is_up)
        let_go(it);
}

static void begin_flight(flight *it) {
    const int how = atomic_load(&it->fleet->links[it->from][it->to]);
    it->begun = 1;
    if (how == LINK_FROZEN)
        return;
    if (how == LINK_UP || how == LINK_MUTE)
        store(it);
    else if (claim(it))
        answer(it,
               how == LINK_REFUSED   ? 0
               : how == LINK_GARBAGE ? 200
                                     : how,
               how == LINK_GARBAGE ? "nonsense" : "", REPLI_EREFUSED);
}

/* The network's thread. */

static flight *next_due(fleet *f, uint64_t *due_ns) {
    flight **at = &f->flights;
    while (*at != NULL) {
        flight *it = *at;
        if (it->claimed == 2 && !it->holds) {
            *at = it->next;
            free(it);
            continue;
        }
        const uint64_t at_ns = !it->begun ? it->due_ns : it->deadline_ns;
        if (!it->claimed && at_ns <= now_ns())
            return it;
        if (!it->claimed && at_ns < *due_ns)
            *due_ns = at_ns;
        at = &it->next;
    }
    return NULL;
}

static void *run(void *argument) {
    fleet *f = argument;
    pthread_mutex_lock(&f->mutex);
    while (!f->ends || f->flights != NULL) {
        uint64_t due_ns = now_ns() + 1000000000u;
        flight *it = next_due(f, &due_ns);
        if (it == NULL) {
            const struct timespec until = {.tv_sec = (time_t)(due_ns / 1000000000u),
                                           .tv_nsec = (long)(due_ns % 1000000000u)};
            if (!f->ends || f->flights != NULL)
                pthread_cond_timedwait(&f->cond, &f->mutex, &until);
            continue;
        }
        pthread_mutex_unlock(&f->mutex);
        if (!it->begun)
            begin_flight(it);
        else if (claim(it))
            answer(it, 0, "", REPLI_ETIMEOUT);
        pthread_mutex_lock(&f->mutex);
    }
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

/* The transport of a node. */

static int32_t begin(void *self, const alldata_call *call, repli_error *err) {
    fleet_node *from = self;
    fleet *f = from->fleet;
    flight *it = calloc(1, sizeof(*it));
    (void)err;
    it->call = *call;
    it->fleet = f;
    it->from = from->number;
    it->to = call->port - PORT;
    it->due_ns = now_ns() + (uint64_t)atomic_load(&f->delay_ms[it->to]) * 1000000u;
    it->deadline_ns = now_ns() + call->timeout_ms * 1000000u;
    pthread_mutex_lock(&f->mutex);
    flight **at = &f->flights;
    while (*at != NULL)
        at = &(*at)->next;
    *at = it;
    pthread_cond_broadcast(&f->cond);
    pthread_mutex_unlock(&f->mutex);
    return REPLI_OK;
}

static flight *find(fleet *f, const void *user_data) {
    flight *it = f->flights;
    while (it != NULL && (it->call.user_data != user_data || it->claimed == 2))
        it = it->next;
    return it;
}

static void cancel(void *self, void *user_data) {
    fleet *f = ((fleet_node *)self)->fleet;
    flight *it;
    pthread_mutex_lock(&f->mutex);
    while ((it = find(f, user_data)) != NULL) {
        if (it->claimed) {
            pthread_cond_wait(&f->cond, &f->mutex);
            continue;
        }
        it->claimed = 1;
        it->begun = 1;
        pthread_mutex_unlock(&f->mutex);
        answer(it, 0, "", REPLI_ECANCELLED);
        pthread_mutex_lock(&f->mutex);
    }
    pthread_mutex_unlock(&f->mutex);
}

/* Nodes. */

static int64_t tell_time(void *user_data) {
    return atomic_load(&((box *)user_data)->now_ns);
}

static void take_log(int32_t level, const char *origin, const char *message, void *user_data) {
    fleet_node *node = user_data;
    (void)level;
    snprintf(node->last_log, sizeof(node->last_log), "%s: %s", origin, message);
    if (strstr(message, "not asked to any more") != NULL)
        atomic_fetch_add(&node->refused_logs, 1);
}

static void prepare_node(fleet *f, int number, int factor) {
    fleet_node *node = &f->nodes[number];
    char hints[sizeof(node->hints)];
    node->fleet = f;
    node->number = number;
    box_begin(&node->box);
    node->box.options.run_mode = ALLDATA_RUN_THREADS;
    snprintf(node->id, sizeof(node->id), "node-%d", number);
    snprintf(hints, sizeof(hints), "%s/hints", node->box.directory);
    memcpy(node->hints, hints, sizeof(hints));
    node->transport = (alldata_transport){
        .struct_size = sizeof(alldata_transport), .self = node, .begin = begin, .cancel = cancel};
    node->options = (alldata_coordinator_options)ALLDATA_COORDINATOR_OPTIONS_INIT;
    node->options.transport = &node->transport;
    node->options.id = node->id;
    node->options.hints = node->hints;
    node->options.replication_factor = factor;
    node->options.peer_timeout_ms = 1000;
    node->options.timeout_ms = 20000;
    node->options.log = take_log;
    node->options.log_data = node;
    node->options.log_level = REPLI_LOG_DEBUG;
}

void fleet_prepare(fleet *f, int count, int factor) {
    memset(f, 0, sizeof(*f));
    f->count = count;
    for (int i = 0; i < count; i++)
        prepare_node(f, i, factor);
}

void fleet_begin(fleet *f, int count, int factor) {
    fleet_prepare(f, count, factor);
    fleet_connect(f);
}

void fleet_connect(fleet *f) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&f->cond, &attributes);
    pthread_mutex_init(&f->mutex, NULL);
    ck_assert_int_eq(pthread_create(&f->thread, NULL, run, f), 0);
}

void fleet_start_node(fleet *f, int number) {
    fleet_node *node = &f->nodes[number];
    repli_error err = REPLI_ERROR_INIT;
    alldata_keygen_options keys = ALLDATA_KEYGEN_OPTIONS_INIT;
    keys.node = number;
    keys.clock = tell_time;
    keys.clock_data = &node->box;
    if (node->keygen == NULL)
        ck_assert_int_eq(alldata_keygen_new(&keys, NULL, &node->keygen, NULL), REPLI_OK);
    node->options.keygen = node->keygen;
    box_open(&node->box);
    node->options.storage = node->box.storage;
    node->options.zone = node->zone;
    node->options.region = node->region;
    ck_assert_msg(alldata_coordinator_new(&node->options, NULL, &node->coordinator, &err) ==
                      REPLI_OK,
                  "%s", err.message);
    pthread_mutex_lock(&f->mutex);
    node->is_up = 1;
    pthread_mutex_unlock(&f->mutex);
}

/* Nobody asks it any more when it goes. */
void fleet_stop_node(fleet *f, int number) {
    fleet_node *node = &f->nodes[number];
    int how[FLEET_MAX];
    for (int i = 0; i < f->count; i++)
        how[i] = atomic_exchange(&f->links[i][number], LINK_REFUSED);
    pthread_mutex_lock(&f->mutex);
    node->is_up = 0;
    for (const flight *it = f->flights; it != NULL;)
        if (it->to == number && it->holds) {
            pthread_cond_wait(&f->cond, &f->mutex);
            it = f->flights;
        } else {
            it = it->next;
        }
    pthread_mutex_unlock(&f->mutex);
    alldata_coordinator_free(node->coordinator);
    node->coordinator = NULL;
    box_close(&node->box);
    for (int i = 0; i < f->count; i++)
        atomic_store(&f->links[i][number], how[i]);
}

void fleet_tell(fleet *f, int to, int of, int32_t state) {
    const fleet_node *peer = &f->nodes[of];
    const alldata_peer record = {.struct_size = sizeof(record),
                                 .state = state,
                                 .id = peer->id,
                                 .http_host = "fleet",
                                 .http_port = PORT + of,
                                 .zone = peer->zone,
                                 .region = peer->region,
                                 .native = !atomic_load(&peer->reference)};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_coordinator_set_peer(f->nodes[to].coordinator, &record, &err) == REPLI_OK,
                  "%s", err.message);
}

void fleet_tell_all(fleet *f, int of, int32_t state) {
    for (int i = 0; i < f->count; i++)
        if (i != of && f->nodes[i].coordinator != NULL)
            fleet_tell(f, i, of, state);
}

void fleet_start(fleet *f) {
    for (int i = 0; i < f->count; i++)
        if (f->nodes[i].coordinator == NULL)
            fleet_start_node(f, i);
    for (int i = 0; i < f->count; i++)
        fleet_tell_all(f, i, ALLDATA_PEER_LIVE);
}

void fleet_link(fleet *f, int to, int how) {
    for (int i = 0; i < f->count; i++)
        atomic_store(&f->links[i][to], how);
}

void fleet_end(fleet *f) {
    for (int i = 0; i < f->count; i++)
        if (f->nodes[i].coordinator != NULL)
            fleet_stop_node(f, i);
    pthread_mutex_lock(&f->mutex);
    f->ends = 1;
    pthread_cond_broadcast(&f->cond);
    pthread_mutex_unlock(&f->mutex);
    pthread_join(f->thread, NULL);
    for (int i = 0; i < f->count; i++) {
        alldata_keygen_free(f->nodes[i].keygen);
        box_end(&f->nodes[i].box);
    }
    pthread_mutex_destroy(&f->mutex);
    pthread_cond_destroy(&f->cond);
}

alldata_coordinator_counters fleet_count(fleet *f, int number) {
    alldata_coordinator_counters all = ALLDATA_COORDINATOR_COUNTERS_INIT;
    ck_assert_int_eq(alldata_coordinator_count(f->nodes[number].coordinator, &all, NULL), REPLI_OK);
    return all;
}

size_t fleet_events(fleet *f, int number) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    size_t count = 0;
    ck_assert_int_eq(alldata_scan_new(f->nodes[number].box.storage, NULL, &scan, NULL), REPLI_OK);
    while (alldata_scan_next(scan, &record, NULL) == REPLI_OK)
        count++;
    alldata_scan_free(scan);
    return count;
}

void fleet_await_events(fleet *f, int number, size_t count) {
    for (int i = 0; i < 6000 && fleet_events(f, number) != count; i++)
        pause_ms(10);
    ck_assert_uint_eq(fleet_events(f, number), count);
}

void fleet_await_rest(fleet *f, int number) {
    for (int i = 0; i < 6000 && fleet_count(f, number).waiting_bytes > 0; i++)
        pause_ms(10);
    ck_assert_uint_eq(fleet_count(f, number).waiting_bytes, 0);
}

/* Puts. */

void puts_begin(puts_told *p) {
    memset(p, 0, sizeof(*p));
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->cond, NULL);
}

void puts_end(puts_told *p) {
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->cond);
}

static void take_results(void *user_data, const alldata_put_result *results, size_t count) {
    puts_told *p = user_data;
    pthread_mutex_lock(&p->mutex);
    for (size_t i = 0; i < count; i++) {
        const size_t at = p->told++ % PUTS_KEPT;
        p->good += results[i].code == REPLI_OK;
        p->results[at] = results[i];
        p->messages[at][0] = '\0';
        if (results[i].error != NULL)
            snprintf(p->messages[at], sizeof(p->messages[at]), "%s", results[i].error->message);
    }
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->mutex);
}

int32_t puts_put(puts_told *p, fleet *f, int number, const char *key, const char *event,
                 int32_t commit, uint64_t timeout_ms) {
    alldata_put one = ALLDATA_PUT_INIT;
    one.flags = p->flags;
    one.key = key;
    one.event = event;
    one.event_size = strlen(event);
    one.commit = commit;
    one.timeout_ms = timeout_ms;
    return alldata_coordinator_put(f->nodes[number].coordinator, &one, 1, take_results, p, NULL);
}

size_t puts_count(puts_told *p) {
    pthread_mutex_lock(&p->mutex);
    const size_t count = p->told;
    pthread_mutex_unlock(&p->mutex);
    return count;
}

void puts_await(puts_told *p, size_t count) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&p->mutex);
    while (p->told < count && pthread_cond_timedwait(&p->cond, &p->mutex, &until) == 0)
        continue;
    ck_assert_uint_ge(p->told, count);
    pthread_mutex_unlock(&p->mutex);
}

const alldata_put_result *puts_one(puts_told *p, fleet *f, int number, const char *key,
                                   const char *event, int32_t commit) {
    const size_t before = p->told;
    ck_assert_int_eq(puts_put(p, f, number, key, event, commit, 0), REPLI_OK);
    puts_await(p, before + 1);
    return &p->results[before % PUTS_KEPT];
}
