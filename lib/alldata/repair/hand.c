#include "alldata/repair/round.h"
#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/error.h"

enum { BATCH_BYTES = 256 << 10, MOST_BYTES = 1 << 20, MOST_REPLY = 4 << 20 };

int alldata__hand_is_full(const alldata__mate *mate) {
    return mate->waiting.size >= MOST_BYTES;
}

static void count_gap(alldata__repair_round *round, int64_t minute, int change) {
    pthread_mutex_lock(round->mutex);
    const uint64_t count = alldata__gaps_get(round->gaps, minute);
    if (change > 0 || count > 0)
        alldata__gaps_set(round->gaps, minute, change > 0 ? count + 1 : count - 1);
    pthread_mutex_unlock(round->mutex);
}

int32_t alldata__hand_add(alldata__repair_round *round, alldata__mate *mate, int64_t minute,
                          repli_error *err) {
    if (repli__grow(round->mem, (void **)&mate->waiting_minutes, &mate->waiting_capacity,
                    mate->waiting_count, sizeof(*mate->waiting_minutes)) != 0 ||
        alldata__frame_write(&mate->waiting, &round->record) != REPLI_OK)
        return repli__error_nomem(err, "repair", "handing over events");
    mate->waiting_minutes[mate->waiting_count++] = minute;
    count_gap(round, minute, 1);
    round->missing++;
    return REPLI_OK;
}

/* What was sent is done with. */
static void forget_sent(alldata__mate *mate) {
    mate->sent_count = 0;
    mate->hands.body.size = 0;
}

static void note_stored(alldata__repair_round *round, int64_t minute) {
    count_gap(round, minute, -1);
    round->missing--;
}

/* Those that it did not store are told, in order; the others it has now. */
static int32_t take_answer(alldata__repair_round *round, alldata__mate *mate, repli_error *err) {
    alldata__list in = {.text = mate->hands.answer.data, .size = mate->hands.answer.size};
    size_t stored = 0;
    size_t failed = 0;
    int32_t code;
    int32_t why = REPLI_OK;
    while ((code = alldata__list_read_failure(&in, mate->sent_count, &failed, &why, err)) ==
           REPLI_OK) {
        for (; stored < failed; stored++, round->repaired++)
            note_stored(round, mate->sent_minutes[stored]);
        if (failed < stored)
            return repli__error(err, REPLI_EPROTOCOL, "repair", "failures are not told in order");
        /* It has another event of that key by now, and keeps it. */
        if (why == REPLI_ECONFLICT) {
            note_stored(round, mate->sent_minutes[failed]);
            round->conflicts++;
        } else {
            round->failures++;
            repli__log_printf(round->log, REPLI_LOG_WARNING, "repair",
                              "%s does not store an event that it lacks: %s", mate->id,
                              repli_error_name(why));
        }
        stored = failed + 1;
    }
    if (code != REPLI_EDONE)
        return code;
    for (; stored < mate->sent_count; stored++, round->repaired++)
        note_stored(round, mate->sent_minutes[stored]);
    return REPLI_OK;
}

static void look(alldata__repair_round *round, alldata__mate *mate) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = alldata__talk_look(&mate->hands, &error);
    if (code == REPLI_EBUSY)
        return;
    if (code == REPLI_OK)
        code = take_answer(round, mate, &error);
    forget_sent(mate);
    if (code != REPLI_OK)
        alldata__repair_round_lose(round, mate, &error);
}

static void send(alldata__repair_round *round, alldata__mate *mate) {
    repli_error error = REPLI_ERROR_INIT;
    const repli_buf body = mate->hands.body;
    int64_t *const minutes = mate->sent_minutes;
    const size_t capacity = mate->sent_capacity;
    mate->hands.body = mate->waiting;
    mate->waiting = body;
    mate->sent_minutes = mate->waiting_minutes;
    mate->waiting_minutes = minutes;
    mate->sent_capacity = mate->waiting_capacity;
    mate->waiting_capacity = capacity;
    mate->sent_count = mate->waiting_count;
    mate->waiting_count = 0;
    round->bytes += mate->hands.body.size;
    mate->hands.path.size = 0;
    int32_t code = repli__buf_text(&mate->hands.path, "/_alldata/records?late=1") == REPLI_OK
                       ? REPLI_OK
                       : repli__error_nomem(&error, "repair", "handing over events");
    if (code == REPLI_OK)
        code = alldata__talk_ask(&mate->hands, MOST_REPLY, &error);
    if (code == REPLI_OK)
        return;
    forget_sent(mate);
    alldata__repair_round_lose(round, mate, &error);
}

int alldata__hand_step(alldata__repair_round *round, int all) {
    int busy = 0;
    for (size_t i = 1; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        if (mate->hands.asked)
            look(round, mate);
        if (!mate->hands.asked && !mate->silent &&
            mate->waiting.size > (all ? 0 : (size_t)BATCH_BYTES))
            send(round, mate);
        busy |= mate->hands.asked;
    }
    return busy;
}
