#include <string.h>

#include "alldata/key.h"
#include "alldata/moment.h"
#include "alldata/repair/query.h"
#include "alldata/repair/round.h"
#include "alldata/repair/serve.h"
#include "base/buf.h"
#include "base/error.h"

/*
 * The keys of all who are there, merged. Each holder of a key thinks the same about who of them is
 * to hand it to whom, so that none of them has to be asked.
 */

enum { MOST_REPLY = 4 * ALLDATA__PAGE, STEP_KEYS = 2000 };

static int32_t begin_scan(alldata__repair_round *round, repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.from = round->start;
    options.until = round->end;
    return alldata_scan_new(round->options->storage, &options, &round->scan, err);
}

int32_t alldata__compare_begin(alldata__repair_round *round, repli_error *err) {
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        mate->key = NULL;
        mate->last[0] = '\0';
        mate->page = (alldata__list){.size = 0};
        mate->more = 1;
        mate->ended = mate->silent;
    }
    pthread_mutex_lock(round->mutex);
    for (size_t i = round->minutes.at; i < round->run_end; i++)
        alldata__gaps_set(round->gaps, round->minutes.items[i].number, 0);
    pthread_mutex_unlock(round->mutex);
    return begin_scan(round, err);
}

void alldata__compare_end(alldata__repair_round *round) {
    alldata_scan_free(round->scan);
    round->scan = NULL;
}

/* The next key of each. */

static int32_t fill_here(alldata__repair_round *round, alldata__mate *mate, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    while (mate->key == NULL && !mate->ended) {
        const int32_t code = alldata_scan_next(round->scan, &round->record, &error);
        mate->ended = code == REPLI_EDONE;
        if (code != REPLI_OK)
            return mate->ended ? REPLI_OK : repli__error_copy(err, &error);
        if (alldata_key_validate(round->record.key, round->record.key_size, NULL) != REPLI_OK)
            continue;
        mate->key = round->record.key;
        mate->key_hash = (uint32_t)(alldata__record_hash(&round->record) >> 32);
        round->bytes += round->record.key_size + round->record.event_size;
    }
    return REPLI_OK;
}

static void ask(alldata__repair_round *round, alldata__mate *mate) {
    repli_error error = REPLI_ERROR_INIT;
    repli_buf *to = &mate->asks.path;
    const char *from = mate->last[0] != '\0' ? mate->last : round->start;
    int32_t code = REPLI_OK;
    to->size = 0;
    if (repli__buf_text(to, "/_alldata/keys") != REPLI_OK ||
        alldata__query_add(to, '?', mate->last[0] != '\0' ? "after" : "from", from, strlen(from)) !=
            REPLI_OK ||
        alldata__query_add(to, '&', "until", round->end, strlen(round->end)) != REPLI_OK)
        code = repli__error_nomem(&error, "repair", "asking a peer for its keys");
    if (code == REPLI_OK)
        code = alldata__talk_ask(&mate->asks, MOST_REPLY, &error);
    if (code != REPLI_OK)
        alldata__repair_round_lose(round, mate, &error);
}

/* The next key of the page, if there is one. */
static int32_t read_key(const alldata__repair_round *round, alldata__mate *mate, repli_error *err) {
    const char *next = NULL;
    size_t size = 0;
    int32_t code = alldata__list_read_key(&mate->page, &mate->key, &mate->key_hash, err);
    if (code == REPLI_OK) {
        if (memcmp(mate->key, mate->last, ALLDATA_KEY_LENGTH) <= 0 ||
            memcmp(mate->key, round->start, ALLDATA_KEY_LENGTH) < 0 ||
            memcmp(mate->key, round->end, ALLDATA_KEY_LENGTH) >= 0)
            return repli__error(err, REPLI_EPROTOCOL, "repair",
                                "the key %.27s is not in order, or not what was asked for",
                                mate->key);
        memcpy(mate->last, mate->key, ALLDATA_KEY_LENGTH);
        return code;
    }
    mate->key = NULL;
    if (code == REPLI_EDONE)
        code = alldata__list_tail(&mate->page, &next, &size, err);
    mate->more = next != NULL;
    mate->ended = code == REPLI_OK && !mate->more;
    return code;
}

/* Not 0: its next key is there, or it is at its end. */
static int fill_there(alldata__repair_round *round, alldata__mate *mate) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    while (mate->key == NULL && !mate->ended && !mate->silent && code == REPLI_OK) {
        if (mate->page.at < mate->page.size) {
            code = read_key(round, mate, &error);
        } else if (!mate->asks.asked) {
            ask(round, mate);
        } else {
            code = alldata__talk_look(&mate->asks, &error);
            if (code == REPLI_EBUSY)
                return 0;
            round->bytes += mate->asks.answer.size;
            mate->page =
                (alldata__list){.text = mate->asks.answer.data, .size = mate->asks.answer.size};
            if (code == REPLI_OK && mate->page.size == 0)
                code = repli__error(&error, REPLI_EPROTOCOL, "repair", "the answer is empty");
        }
    }
    if (code != REPLI_OK)
        alldata__repair_round_lose(round, mate, &error);
    return 1;
}

/* A key. */

static int64_t minute_of(const char *key) {
    int64_t second = 0;
    alldata__moment_read(key, &second);
    return second / 60;
}

/* What it is part of. */
static alldata__doubt *find_doubt(alldata__repair_round *round, int64_t minute) {
    while (round->minutes.at + 1 < round->run_end &&
           round->minutes.items[round->minutes.at].number < minute)
        round->minutes.at++;
    return &round->minutes.items[round->minutes.at];
}

/* Who has the key; how many; *ret_differs: they have different events. */
static size_t find_holders(alldata__repair_round *round, const char *key, int *ret_differs) {
    size_t holders = 0;
    uint32_t hash = 0;
    *ret_differs = 0;
    for (size_t i = 0; i < round->count; i++) {
        const alldata__mate *mate = &round->mates[i];
        const int has =
            !mate->silent && mate->key != NULL && memcmp(mate->key, key, ALLDATA_KEY_LENGTH) == 0;
        round->roles[i] = has            ? ALLDATA__PLACE_TAKEN
                          : mate->silent ? ALLDATA__PLACE_OUT
                                         : ALLDATA__PLACE_FREE;
        if (!has)
            continue;
        *ret_differs |= holders > 0 && mate->key_hash != hash;
        hash = mate->key_hash;
        holders++;
    }
    return holders;
}

static int is_first(const alldata__repair_round *round, uint64_t key_hash) {
    const uint64_t own = alldata__placement_score(&round->places[0], key_hash);
    for (size_t i = 1; i < round->count; i++)
        if (round->roles[i] == ALLDATA__PLACE_TAKEN &&
            alldata__placement_score(&round->places[i], key_hash) > own)
            return 0;
    return 1;
}

/* As if it had been put here now. */
static int32_t hand_to_others(alldata__repair_round *round, size_t holders, int64_t minute,
                              uint64_t key_hash, repli_error *err) {
    const alldata__rule rule = {.self = round->places[0],
                                .other_zones = round->options->other_zones,
                                .other_regions = round->options->other_regions};
    const size_t needed = alldata__repair_round_needed(round);
    int32_t code = REPLI_OK;
    for (; holders < needed && code == REPLI_OK; holders++) {
        const size_t at =
            alldata__placement_next(&rule, round->places, round->roles, round->count, key_hash);
        if (at == round->count)
            break;
        round->roles[at] = ALLDATA__PLACE_TAKEN;
        code = alldata__hand_add(round, &round->mates[at], minute, err);
    }
    return code;
}

static int32_t judge(alldata__repair_round *round, repli_error *err) {
    const int64_t minute = minute_of(round->record.key);
    int differs = 0;
    size_t holders = find_holders(round, round->record.key, &differs);
    round->compared++;
    if (differs) {
        round->conflicts++;
        repli__log_printf(round->log, REPLI_LOG_WARNING, "repair",
                          "nodes have different events under the key %.27s, which are left as they "
                          "are",
                          round->record.key);
    }
    if (holders >= alldata__repair_round_needed(round))
        return REPLI_OK;
    find_doubt(round, minute)->is_bad = 1;
    const uint64_t key_hash = alldata__placement_hash(round->record.key, ALLDATA_KEY_LENGTH);
    if (differs || !is_first(round, key_hash))
        return REPLI_OK;
    holders += alldata__repair_round_silent(round); /* who may have it */
    return hand_to_others(round, holders, minute, key_hash, err);
}

/* The least of all keys; NULL: there are none. */
static const char *least_key(const alldata__repair_round *round) {
    const char *least = NULL;
    for (size_t i = 0; i < round->count; i++) {
        const alldata__mate *mate = &round->mates[i];
        if (!mate->silent && mate->key != NULL &&
            (least == NULL || memcmp(mate->key, least, ALLDATA_KEY_LENGTH) < 0))
            least = mate->key;
    }
    return least;
}

static int32_t compare_one(alldata__repair_round *round, repli_error *err) {
    int32_t code = fill_here(round, &round->mates[0], err);
    for (size_t i = 1; i < round->count && code == REPLI_OK; i++) {
        if (alldata__hand_is_full(&round->mates[i]) || !fill_there(round, &round->mates[i]))
            code = REPLI_EBUSY;
    }
    const char *least = code == REPLI_OK ? least_key(round) : NULL;
    if (least == NULL)
        return code == REPLI_OK ? REPLI_EDONE : code;
    char key[ALLDATA_KEY_LENGTH];
    memcpy(key, least, sizeof(key));
    if (round->mates[0].key != NULL && memcmp(round->mates[0].key, key, ALLDATA_KEY_LENGTH) == 0)
        code = judge(round, err);
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        if (mate->key != NULL && memcmp(mate->key, key, ALLDATA_KEY_LENGTH) == 0)
            mate->key = NULL;
    }
    return code;
}

int32_t alldata__compare_step(alldata__repair_round *round, repli_error *err) {
    int32_t code = REPLI_OK;
    for (int i = 0; i < STEP_KEYS && code == REPLI_OK; i++)
        code = compare_one(round, err);
    if (code != REPLI_OK && code != REPLI_EBUSY && code != REPLI_EDONE)
        return code;
    const int ended = code == REPLI_EDONE;
    const int busy = alldata__hand_step(round, ended);
    return ended && busy ? REPLI_EBUSY : code;
}
