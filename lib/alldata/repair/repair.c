#include "alldata/repair/repair.h"

#include <string.h>

#include "alldata/internal.h"
#include "alldata/key.h"
#include "alldata/repair/round.h"
#include "base/clock.h"
#include "base/error.h"

/* Steps at a time; what nobody answers to is tried again so soon; and so long a silence counts as
 * absence. */
enum { STEPS = 8, RETRY_MS = 5000, LONG_SILENCE = 3, LEAST_PAUSE_MS = 200 };

typedef struct peer {
    char *id, *host, *zone, *region;
    int32_t port;
    int64_t started_ns;
    int answers; /* it lives, is of our own make, and where it serves is known */
    int silent;  /* rounds in which it did not answer, of the last ones */
} peer;

typedef struct request {
    struct request *next;
    alldata__repaired_fn done;
    void *user_data;
    char interval[ALLDATA_INTERVAL_SIZE]; /* "": all */
} request;

struct alldata__repair {
    repli__mem mem;
    repli__log log;
    alldata__repair_options options;
    char *id, *zone, *region;
    repli__worker worker;
    int has_worker;

    /* Of the one who works. */
    alldata__repair_round round;
    alldata__known *known;
    request *served;  /* by the round */
    uint64_t next_ns; /* step, so that no more is read and sent than allowed */

    pthread_mutex_t mutex; /* guards what follows */
    peer *peers;
    size_t count, capacity;
    request *first, **end; /* that wait */
    uint64_t due_ns;       /* of the next round */
    uint64_t again_ns;     /* when what was too young as a peer came is so no more; 0: no matter */
    uint64_t ended_ns;
    int quits;
    alldata__gaps gaps;
    alldata__repair_counters counters;
};

/* Peers. */

static void free_peer(const repli__mem *mem, peer *it) {
    repli__free(mem, it->id);
    repli__free(mem, it->host);
    repli__free(mem, it->zone);
    repli__free(mem, it->region);
}

static int copy_peer(const repli__mem *mem, const alldata_peer *from, peer *to) {
    *to = (peer){.id = repli__strdup(mem, from->id),
                 .host = repli__strdup(mem, from->http_host),
                 .zone = repli__strdup(mem, from->zone),
                 .region = repli__strdup(mem, from->region),
                 .port = from->http_port,
                 .started_ns = from->started_ns};
    to->answers =
        from->state == ALLDATA_PEER_LIVE && from->native && to->host != NULL && from->http_port > 0;
    if (to->id != NULL && (to->host != NULL) == (from->http_host != NULL) &&
        (to->zone != NULL) == (from->zone != NULL) &&
        (to->region != NULL) == (from->region != NULL))
        return 1;
    free_peer(mem, to);
    return 0;
}

/* The mutex is held. */
static peer *find_peer(alldata__repair *repair, const char *id) {
    for (size_t i = 0; i < repair->count; i++)
        if (strcmp(repair->peers[i].id, id) == 0)
            return &repair->peers[i];
    return NULL;
}

/* The mutex is held. Not so soon after the last one that there is nothing else. */
static void begin_soon(alldata__repair *repair) {
    if (repair->options.interval_ms == UINT64_MAX)
        return;
    const uint64_t pause = (uint64_t)(LEAST_PAUSE_MS * REPLI__NS_PER_MS);
    const uint64_t soon = repair->ended_ns != 0 ? repair->ended_ns + pause : 0;
    if (soon < repair->due_ns)
        repair->due_ns = soon;
    repair->again_ns = repli__deadline_ns((int64_t)repair->options.settle_ms + LEAST_PAUSE_MS);
}

int32_t alldata__repair_set_peer(alldata__repair *repair, const alldata_peer *from,
                                 repli_error *err) {
    peer fresh;
    int news = 0;
    if (!copy_peer(&repair->mem, from, &fresh))
        return repli__error_nomem(err, "repair", "noting a peer");
    pthread_mutex_lock(&repair->mutex);
    peer *it = find_peer(repair, from->id);
    if (it == NULL && repli__grow(&repair->mem, (void **)&repair->peers, &repair->capacity,
                                  repair->count, sizeof(*repair->peers)) != 0) {
        pthread_mutex_unlock(&repair->mutex);
        free_peer(&repair->mem, &fresh);
        return repli__error_nomem(err, "repair", "noting a peer");
    }
    if (it == NULL) {
        it = &repair->peers[repair->count++];
        *it = (peer){.id = NULL};
    }
    news = fresh.answers && (!it->answers || it->started_ns != fresh.started_ns);
    fresh.silent = news ? 0 : it->silent;
    peer old = *it;
    *it = fresh;
    if (news)
        begin_soon(repair);
    pthread_mutex_unlock(&repair->mutex);
    free_peer(&repair->mem, &old);
    if (news)
        repli__worker_tell(&repair->worker);
    return REPLI_OK;
}

void alldata__repair_drop_peer(alldata__repair *repair, const char *id) {
    pthread_mutex_lock(&repair->mutex);
    peer *it = find_peer(repair, id);
    if (it != NULL) {
        free_peer(&repair->mem, it);
        *it = repair->peers[--repair->count];
    }
    pthread_mutex_unlock(&repair->mutex);
}

/* A round. */

static int fill_mate(alldata__repair *repair, alldata__mate *mate, const peer *from) {
    const repli__mem *mem = &repair->mem;
    *mate = (alldata__mate){.id = repli__strdup(mem, from->id),
                            .was_silent = from->silent >= LONG_SILENCE,
                            .waiting = {.allocator = mem}};
    if (mate->id == NULL)
        return 0;
    return from->host == NULL ||
           (alldata__talk_init(&mate->asks, mem, mate->id, from->host, from->port) == REPLI_OK &&
            alldata__talk_init(&mate->hands, mem, mate->id, from->host, from->port) == REPLI_OK);
}

static int add_mate(alldata__repair *repair, const peer *from) {
    alldata__repair_round *round = &repair->round;
    round->places[round->count] = alldata__place_of(from->id, from->zone, from->region);
    return fill_mate(repair, &round->mates[round->count++], from);
}

/* The mutex is held. */
static int32_t fill_mates(alldata__repair *repair, repli_error *err) {
    alldata__repair_round *round = &repair->round;
    const peer self = {.id = repair->id, .zone = repair->zone, .region = repair->region};
    round->mates = repli__calloc(&repair->mem, repair->count + 1, sizeof(*round->mates));
    round->places = repli__calloc(&repair->mem, repair->count + 1, sizeof(*round->places));
    int whole = round->mates != NULL && round->places != NULL && add_mate(repair, &self);
    for (size_t i = 0; i < repair->count && whole; i++)
        if (repair->peers[i].answers && repair->options.transport != NULL)
            whole = add_mate(repair, &repair->peers[i]);
    return whole ? REPLI_OK : repli__error_nomem(err, "repair", "beginning a round");
}

/* What is asked for: all, or if all want the same, that interval. */
static void set_bounds(alldata__repair *repair) {
    alldata__repair_round *round = &repair->round;
    const char *interval = repair->served != NULL ? repair->served->interval : "";
    const int64_t settle_ns = (int64_t)repair->options.settle_ms * REPLI__NS_PER_MS;
    const int64_t now_ns = repair->options.clock(repair->options.clock_data) - settle_ns;
    char end[ALLDATA_INTERVAL_SIZE];
    int64_t start;
    for (const request *it = repair->served; it != NULL; it = it->next)
        if (strcmp(it->interval, interval) != 0)
            interval = "";
    round->from[0] = '\0';
    alldata__key_write((uint64_t)(now_ns > 0 ? now_ns / ALLDATA__TICK_NS : 0), 0, round->until);
    if (!alldata__interval_start(interval, strlen(interval), &start))
        return;
    alldata__interval_name(start + repair->options.storage->period, end);
    memcpy(round->from, interval, sizeof(end));
    if (strcmp(end, round->until) < 0)
        memcpy(round->until, end, sizeof(end));
}

static void wake(void *user_data) {
    repli__worker_tell(user_data);
}

static int32_t begin_round(alldata__repair *repair, repli_error *err) {
    repair->round = (alldata__repair_round){.options = &repair->options,
                                            .mem = &repair->mem,
                                            .log = &repair->log,
                                            .known = repair->known,
                                            .gaps = &repair->gaps,
                                            .mutex = &repair->mutex,
                                            .wake = wake,
                                            .wake_data = &repair->worker};
    repair->round.record = (alldata_record)ALLDATA_RECORD_INIT;
    pthread_mutex_lock(&repair->mutex);
    const uint64_t now_ns = repli__mono_ns();
    const int timely = repair->due_ns <= now_ns;
    if (timely && repair->again_ns <= now_ns)
        repair->again_ns = 0;
    repair->served = repair->first;
    repair->first = NULL;
    repair->end = &repair->first;
    repair->counters.running = 1;
    const int32_t code = fill_mates(repair, err);
    pthread_mutex_unlock(&repair->mutex);
    set_bounds(repair);
    if (timely)
        repair->round.from[0] = '\0';
    return code == REPLI_OK ? alldata__repair_round_begin(&repair->round, err) : code;
}

/* What the round tells of each peer. The mutex is held. */
static void note_silence(alldata__repair *repair) {
    for (size_t i = 1; i < repair->round.count; i++) {
        const alldata__mate *mate = &repair->round.mates[i];
        peer *it = mate->id != NULL ? find_peer(repair, mate->id) : NULL;
        if (it != NULL)
            it->silent = mate->silent ? it->silent + 1 : 0;
    }
}

static uint64_t due_after(const alldata__repair *repair, int32_t code) {
    uint64_t pause = repair->options.interval_ms;
    if (code != REPLI_OK && pause > RETRY_MS && pause != UINT64_MAX)
        pause = RETRY_MS;
    return pause == UINT64_MAX ? UINT64_MAX : repli__deadline_ns((int64_t)pause);
}

static void count_round(alldata__repair *repair, int32_t code) {
    const alldata__repair_round *round = &repair->round;
    alldata__repair_counters *to = &repair->counters;
    to->rounds++;
    to->looked_at += code == REPLI_OK ? round->looked_at : 0;
    to->compared += round->compared;
    to->repaired += round->repaired;
    to->conflicts += round->conflicts;
    to->failures += round->failures;
    to->running = 0;
    if (code == REPLI_OK && round->from[0] == '\0')
        to->whole_ns = repair->options.clock(repair->options.clock_data);
    for (const request *it = repair->served; it != NULL; it = it->next)
        to->answered++;
}

static void end_round(alldata__repair *repair, int32_t code) {
    alldata__repair_round *round = &repair->round;
    if (code == REPLI_OK && alldata__repair_round_silent(round) > 0)
        code = REPLI_ENOQUORUM;
    pthread_mutex_lock(&repair->mutex);
    note_silence(repair);
    count_round(repair, code);
    repair->ended_ns = repli__mono_ns();
    repair->due_ns = due_after(repair, code);
    if (repair->again_ns != 0 && repair->again_ns < repair->due_ns)
        repair->due_ns = repair->again_ns;
    pthread_mutex_unlock(&repair->mutex);
    if (round->repaired > 0)
        repli__log_printf(&repair->log, REPLI_LOG_INFO, "repair",
                          "%llu copies of events that others lacked were handed over",
                          (unsigned long long)round->repaired);
    const alldata__repair_round ended = *round;
    alldata__repair_round_end(round);
    *round = (alldata__repair_round){.count = 0};
    while (repair->served != NULL) {
        request *it = repair->served;
        repair->served = it->next;
        if (it->done != NULL)
            it->done(it->user_data, code, ended.looked_at, ended.repaired, ended.missing);
        repli__free(&repair->mem, it);
    }
}

/* Work. */

/* When the next step may be, as so many bytes were read and sent by now. */
static void charge(alldata__repair *repair, uint64_t bytes) {
    const uint64_t now = repli__mono_ns();
    const uint64_t from = repair->next_ns > now ? repair->next_ns : now;
    const double seconds = (double)bytes / (double)repair->options.bytes_per_s;
    repair->next_ns = from + (uint64_t)(seconds * 1e9);
}

static int32_t step(alldata__repair *repair) {
    repli_error error = REPLI_ERROR_INIT;
    const uint64_t before = repair->round.bytes;
    const int32_t code = alldata__repair_round_step(&repair->round, &error);
    charge(repair, repair->round.bytes - before);
    if (code != REPLI_OK && code != REPLI_EBUSY && code != REPLI_EDONE)
        repli__log_printf(&repair->log, REPLI_LOG_ERROR, "repair", "a round ends early: %s",
                          error.message);
    return code;
}

static uint64_t work_on(alldata__repair *repair) {
    for (int i = 0; i < STEPS; i++) {
        if (repair->next_ns > repli__mono_ns())
            return repair->next_ns;
        const int32_t code = step(repair);
        if (code == REPLI_EBUSY)
            return UINT64_MAX;
        if (code == REPLI_OK)
            continue;
        end_round(repair, code == REPLI_EDONE ? REPLI_OK : code);
        return 0;
    }
    return 0;
}

/* Returns when there is one to begin; 0 if there was one to end before it could begin. */
static uint64_t wait_or_begin(alldata__repair *repair) {
    repli_error error = REPLI_ERROR_INIT;
    pthread_mutex_lock(&repair->mutex);
    const uint64_t due_ns = repair->first != NULL ? 0 : repair->due_ns;
    pthread_mutex_unlock(&repair->mutex);
    if (due_ns > repli__mono_ns())
        return due_ns;
    const int32_t code = begin_round(repair, &error);
    if (code == REPLI_OK)
        return 0;
    repli__log_printf(&repair->log, REPLI_LOG_ERROR, "repair", "no round can begin: %s",
                      error.message);
    end_round(repair, code);
    return 0;
}

static uint64_t work(void *user_data) {
    alldata__repair *repair = user_data;
    pthread_mutex_lock(&repair->mutex);
    const int quits = repair->quits;
    const int running = repair->counters.running;
    if (quits && !running) {
        repair->served = repair->first;
        repair->first = NULL;
        repair->end = &repair->first;
    }
    pthread_mutex_unlock(&repair->mutex);
    if (quits) {
        if (running || repair->served != NULL)
            end_round(repair, REPLI_ECANCELLED);
        return UINT64_MAX;
    }
    return running ? work_on(repair) : wait_or_begin(repair);
}

int32_t alldata__repair_ask(alldata__repair *repair, const char *interval,
                            alldata__repaired_fn done, void *user_data, repli_error *err) {
    int64_t start;
    if (interval != NULL && !alldata__interval_start(interval, strlen(interval), &start))
        return repli__error(err, REPLI_EINVALID, "repair",
                            "\"%.40s\" is no name of an interval, such as 20261121T000000",
                            interval);
    request *it = repli__calloc(&repair->mem, 1, sizeof(*it));
    if (it == NULL)
        return repli__error_nomem(err, "repair", "asking for a repair");
    it->done = done;
    it->user_data = user_data;
    if (interval != NULL)
        memcpy(it->interval, interval, sizeof(it->interval));
    pthread_mutex_lock(&repair->mutex);
    *repair->end = it;
    repair->end = &it->next;
    repair->counters.asked++;
    pthread_mutex_unlock(&repair->mutex);
    repli__worker_tell(&repair->worker);
    return REPLI_OK;
}

uint64_t alldata__repair_due_ns(alldata__repair *repair) {
    return repli__worker_due_ns(&repair->worker);
}

void alldata__repair_run(alldata__repair *repair) {
    repli__worker_run(&repair->worker);
}

void alldata__repair_count(alldata__repair *repair, alldata__repair_counters *ret_counters) {
    pthread_mutex_lock(&repair->mutex);
    *ret_counters = repair->counters;
    ret_counters->missing = alldata__gaps_sum(&repair->gaps, INT64_MIN, INT64_MAX);
    pthread_mutex_unlock(&repair->mutex);
}

uint64_t alldata__repair_missing(alldata__repair *repair, int64_t from, int64_t until) {
    pthread_mutex_lock(&repair->mutex);
    const uint64_t sum = alldata__gaps_sum(&repair->gaps, from / 60, until / 60);
    pthread_mutex_unlock(&repair->mutex);
    return sum;
}

/* Begin and end. */

static int32_t copy_options(alldata__repair *repair, const alldata__repair_options *options,
                            repli_error *err) {
    const repli__mem *mem = &repair->mem;
    repair->options = *options;
    if (repair->options.replication_factor < 1)
        repair->options.replication_factor = 1;
    if (repair->options.clock == NULL) {
        repair->options.clock = options->storage->clock;
        repair->options.clock_data = options->storage->clock_data;
    }
    if (repair->options.bytes_per_s == 0)
        repair->options.bytes_per_s = UINT64_C(32) << 20;
    repair->id = repli__strdup(mem, options->id);
    repair->zone = repli__strdup(mem, options->zone);
    repair->region = repli__strdup(mem, options->region);
    repair->known = alldata__known_new(mem);
    if (repair->id == NULL || repair->known == NULL ||
        (repair->zone != NULL) != (options->zone != NULL) ||
        (repair->region != NULL) != (options->region != NULL))
        return repli__error_nomem(err, "repair", "setting up the repair");
    return REPLI_OK;
}

int32_t alldata__repair_new(const alldata__repair_options *options, const repli__mem *mem,
                            alldata__repair **ret_repair, repli_error *err) {
    alldata__repair *repair = repli__calloc(mem, 1, sizeof(*repair));
    if (repair == NULL)
        return repli__error_nomem(err, "repair", "setting up the repair");
    repair->mem = *mem;
    repair->end = &repair->first;
    repair->gaps.mem = &repair->mem;
    repair->due_ns = options->interval_ms == UINT64_MAX ? UINT64_MAX : 0;
    pthread_mutex_init(&repair->mutex, NULL);
    repli__log_init(&repair->log);
    repli__log_set(&repair->log, options->log_level, options->log, options->log_data);
    int32_t code = copy_options(repair, options, err);
    if (code == REPLI_OK)
        code = repli__worker_init(&repair->worker, "alldata-repair", work, repair, err);
    repair->has_worker = code == REPLI_OK;
    if (code != REPLI_OK) {
        alldata__repair_free(repair);
        return code;
    }
    if (options->ring != NULL)
        repli__worker_drive(&repair->worker, options->ring, options->ring_data);
    *ret_repair = repair;
    return REPLI_OK;
}

int32_t alldata__repair_start(alldata__repair *repair, repli_error *err) {
    return repli__worker_start(&repair->worker, err);
}

void alldata__repair_free(alldata__repair *repair) {
    if (repair == NULL)
        return;
    pthread_mutex_lock(&repair->mutex);
    repair->quits = 1;
    pthread_mutex_unlock(&repair->mutex);
    if (repair->has_worker) {
        repli__worker_quit(&repair->worker);
        repli__worker_join(&repair->worker, UINT64_MAX);
        work(repair);
        repli__worker_dispose(&repair->worker);
    }
    const repli__mem mem = repair->mem;
    for (size_t i = 0; i < repair->count; i++)
        free_peer(&mem, &repair->peers[i]);
    repli__free(&mem, repair->peers);
    repli__free(&mem, repair->gaps.items);
    alldata__known_free(repair->known);
    repli__free(&mem, repair->id);
    repli__free(&mem, repair->zone);
    repli__free(&mem, repair->region);
    repli__log_dispose(&repair->log);
    pthread_mutex_destroy(&repair->mutex);
    repli__free(&mem, repair);
}
