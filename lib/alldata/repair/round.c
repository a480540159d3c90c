#include "alldata/repair/round.h"

#include <string.h>

#include "alldata/key.h"
#include "alldata/moment.h"
#include "base/error.h"

enum { DAY_S = 24 * 60 * 60, DAY_LENGTH = 8, MINUTE_LENGTH = 13 };

size_t alldata__repair_round_present(const alldata__repair_round *round) {
    size_t count = 0;
    for (size_t i = 0; i < round->count; i++)
        count += !round->mates[i].gone;
    return count;
}

size_t alldata__repair_round_needed(const alldata__repair_round *round) {
    const size_t present = alldata__repair_round_present(round);
    const size_t wanted = (size_t)round->options->replication_factor;
    return wanted < present ? wanted : present;
}

size_t alldata__repair_round_silent(const alldata__repair_round *round) {
    size_t count = 0;
    for (size_t i = 0; i < round->count; i++)
        count += round->mates[i].silent && !round->mates[i].gone;
    return count;
}

size_t alldata__repair_round_lost(const alldata__repair_round *round) {
    size_t count = 0;
    for (size_t i = 0; i < round->count; i++)
        count += (size_t)round->mates[i].silent;
    return count;
}

void alldata__repair_round_lose(alldata__repair_round *round, alldata__mate *mate,
                                const repli_error *why) {
    round->failures++;
    mate->silent = 1;
    mate->gone = mate->was_silent;
    mate->key = NULL;
    mate->waiting.size = 0;
    mate->waiting_count = 0;
    repli__log_printf(round->log, mate->was_silent ? REPLI_LOG_DEBUG : REPLI_LOG_WARNING, "repair",
                      "%s cannot be compared with: %s", mate->id, why->message);
}

/* Bounds. */

static void copy_key(char to[ALLDATA_KEY_SIZE], const char *from) {
    memcpy(to, from, ALLDATA_KEY_SIZE);
}

/* From a second on, and before another, within the bounds of the round. */
static void set_stretch(alldata__repair_round *round, int64_t from, int64_t until) {
    alldata__key_write((uint64_t)(from * ALLDATA__TICKS_PER_S), 0, round->start);
    alldata__key_write((uint64_t)(until * ALLDATA__TICKS_PER_S), 0, round->end);
    if (strcmp(round->from, round->start) > 0)
        copy_key(round->start, round->from);
    if (strcmp(round->until, round->end) < 0)
        copy_key(round->end, round->until);
}

/* Phases. */

int32_t alldata__repair_round_begin(alldata__repair_round *round, repli_error *err) {
    round->roles = repli__calloc(round->mem, round->count, sizeof(*round->roles));
    if (round->roles == NULL)
        return repli__error_nomem(err, "repair", "comparing events");
    for (size_t i = 1; i < round->count; i++) {
        alldata__talk *talks[] = {&round->mates[i].asks, &round->mates[i].hands};
        for (size_t j = 0; j < 2; j++) {
            talks[j]->transport = round->options->transport;
            talks[j]->wake = round->wake;
            talks[j]->wake_data = round->wake_data;
        }
    }
    copy_key(round->start, round->from);
    copy_key(round->end, round->until);
    round->phase = ALLDATA__GATHERS_DAYS;
    alldata__gather_begin(round);
    return REPLI_OK;
}

static int32_t begin_day(alldata__repair_round *round) {
    if (round->days.at == round->days.count)
        return REPLI_EDONE;
    const int64_t start = round->days.items[round->days.at].number * DAY_S;
    set_stretch(round, start, start + DAY_S);
    round->phase = ALLDATA__GATHERS_MINUTES;
    alldata__gather_begin(round);
    return REPLI_OK;
}

static int32_t end_day(alldata__repair_round *round) {
    const alldata__doubt *day = &round->days.items[round->days.at++];
    if (!round->minutes.is_bad && !day->is_bad &&
        alldata__repair_round_lost(round) == round->days.lost)
        alldata__known_set_day(round->known, day->number, day->state);
    return begin_day(round);
}

/* Minutes that follow each other are compared at once. */
static int32_t begin_run(alldata__repair_round *round, repli_error *err) {
    const alldata__doubts *minutes = &round->minutes;
    if (minutes->at == minutes->count)
        return end_day(round);
    size_t end = minutes->at + 1;
    while (end < minutes->count && minutes->items[end].number == minutes->items[end - 1].number + 1)
        end++;
    round->run_start = minutes->at;
    round->run_end = end;
    set_stretch(round, minutes->items[minutes->at].number * 60,
                (minutes->items[end - 1].number + 1) * 60);
    round->phase = ALLDATA__COMPARES;
    return alldata__compare_begin(round, err);
}

static int32_t end_run(alldata__repair_round *round, repli_error *err) {
    alldata__compare_end(round);
    const int whole = alldata__repair_round_lost(round) == round->minutes.lost;
    for (size_t i = round->run_start; i < round->run_end; i++) {
        const alldata__doubt *it = &round->minutes.items[i];
        if (whole && !it->is_bad)
            alldata__known_set_minute(round->known, it->number, it->state);
        else
            round->minutes.is_bad = 1;
    }
    round->minutes.at = round->run_end;
    return begin_run(round, err);
}

int32_t alldata__repair_round_step(alldata__repair_round *round, repli_error *err) {
    int32_t code;
    switch (round->phase) {
    case ALLDATA__GATHERS_DAYS:
        code = alldata__gather_step(round, DAY_LENGTH, err);
        if (code == REPLI_EDONE)
            code = alldata__gather_doubts(round, &round->days, err);
        else
            return code;
        return code == REPLI_OK ? begin_day(round) : code;
    case ALLDATA__GATHERS_MINUTES:
        code = alldata__gather_step(round, MINUTE_LENGTH, err);
        if (code == REPLI_EDONE)
            code = alldata__gather_doubts(round, &round->minutes, err);
        else
            return code;
        return code == REPLI_OK ? begin_run(round, err) : code;
    default:
        code = alldata__compare_step(round, err);
        return code == REPLI_EDONE ? end_run(round, err) : code;
    }
}

void alldata__repair_round_end(alldata__repair_round *round) {
    alldata__compare_end(round);
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        alldata__talk_dispose(&mate->asks);
        alldata__talk_dispose(&mate->hands);
        repli_buf_dispose(&mate->waiting);
        repli__free(round->mem, mate->waiting_minutes);
        repli__free(round->mem, mate->sent_minutes);
        repli__free(round->mem, mate->digests);
        repli__free(round->mem, mate->id);
    }
    repli__free(round->mem, round->mates);
    repli__free(round->mem, round->days.items);
    repli__free(round->mem, round->minutes.items);
    repli__free(round->mem, round->places);
    repli__free(round->mem, round->roles);
}
