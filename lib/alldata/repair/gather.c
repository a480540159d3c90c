#include <string.h>

#include "alldata/moment.h"
#include "alldata/repair/query.h"
#include "alldata/repair/round.h"
#include "alldata/repair/serve.h"
#include "base/buf.h"
#include "base/error.h"

/* An answer is a line for an event at most, and lines are little longer than keys. */
enum { MOST_REPLY = 4 * ALLDATA__PAGE, MOST_DIGESTS = 1 << 20 };

static int32_t write_target(const alldata__repair_round *round, alldata__mate *mate,
                            const char *from, size_t length, repli_error *err) {
    repli_buf *to = &mate->asks.path;
    to->size = 0;
    if (repli__buf_printf(to, "/_alldata/digests?length=%zu", length) == REPLI_OK &&
        alldata__query_add(to, '&', "from", from, strlen(from)) == REPLI_OK &&
        alldata__query_add(to, '&', "until", round->end, strlen(round->end)) == REPLI_OK)
        return REPLI_OK;
    return repli__error_nomem(err, "repair", "asking a peer what it has");
}

static void ask(alldata__repair_round *round, alldata__mate *mate, const char *from,
                size_t length) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = write_target(round, mate, from, length, &error);
    if (code == REPLI_OK)
        code = alldata__talk_ask(&mate->asks, MOST_REPLY, &error);
    if (code != REPLI_OK)
        alldata__repair_round_lose(round, mate, &error);
}

void alldata__gather_begin(alldata__repair_round *round) {
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        mate->count = 0;
        mate->at = 0;
        mate->gathered = 0;
        memcpy(mate->last, round->start, sizeof(mate->last));
    }
}

/* One more, or more of the last. */
static int32_t add(const repli__mem *mem, alldata__mate *mate, const alldata__digest *digest) {
    alldata__digest *last = mate->count > 0 ? &mate->digests[mate->count - 1] : NULL;
    if (last != NULL && strcmp(last->bucket, digest->bucket) == 0) {
        last->count += digest->count;
        last->hash += digest->hash;
        return REPLI_OK;
    }
    if (repli__grow(mem, (void **)&mate->digests, &mate->capacity, mate->count,
                    sizeof(*mate->digests)) != 0)
        return REPLI_ENOMEM;
    mate->digests[mate->count++] = *digest;
    return REPLI_OK;
}

/* This node's own. */

typedef struct taker {
    const repli__mem *mem;
    alldata__mate *mate;
} taker;

static int32_t take(void *user_data, const alldata__digest *digest) {
    const taker *self = user_data;
    return add(self->mem, self->mate, digest);
}

static int32_t gather_here(alldata__repair_round *round, alldata__mate *mate, size_t length,
                           repli_error *err) {
    taker self = {.mem = round->mem, .mate = mate};
    char next[ALLDATA_KEY_SIZE] = "";
    const alldata__digests_page page = {.from = mate->last,
                                        .until = round->end,
                                        .length = length,
                                        .bytes = ALLDATA__PAGE,
                                        .take = take,
                                        .user_data = &self};
    const int32_t code = alldata__digests_read(round->options->digests, &page, next, err);
    if (code == REPLI_ENOMEM)
        return repli__error_nomem(err, "repair", "adding up events");
    mate->gathered = code == REPLI_OK && next[0] == '\0';
    if (code == REPLI_OK)
        memcpy(mate->last, next, sizeof(next));
    return code;
}

/* A peer's. */

static int32_t read_answer(const alldata__repair_round *round, alldata__mate *mate, size_t length,
                           repli_error *err) {
    alldata__list in = {.text = mate->asks.answer.data, .size = mate->asks.answer.size};
    alldata__digest digest;
    const char *next = NULL;
    size_t size = 0;
    int32_t code = alldata__list_read_node(&in, mate->id, err);
    while (code == REPLI_OK && (code = alldata__list_read_digest(&in, &digest, err)) == REPLI_OK) {
        if (strlen(digest.bucket) != length || mate->count >= MOST_DIGESTS ||
            (mate->count > 0 && strcmp(digest.bucket, mate->digests[mate->count - 1].bucket) < 0))
            return repli__error(err, REPLI_EPROTOCOL, "repair",
                                "the bucket %s is none that was asked for, or is not in order",
                                digest.bucket);
        if (add(round->mem, mate, &digest) != REPLI_OK)
            return repli__error_nomem(err, "repair", "adding up events");
    }
    if (code == REPLI_EDONE)
        code = alldata__list_tail(&in, &next, &size, err);
    if (code != REPLI_OK)
        return code;
    mate->gathered = next == NULL;
    if (next == NULL)
        return REPLI_OK;
    if (size != ALLDATA_KEY_LENGTH || memcmp(next, mate->last, strlen(mate->last)) < 0 ||
        (mate->last[ALLDATA_KEY_LENGTH - 1] != '\0' && memcmp(next, mate->last, size) == 0))
        return repli__error(err, REPLI_EPROTOCOL, "repair", "the next page is not behind this one");
    memcpy(mate->last, next, size);
    mate->last[size] = '\0';
    return REPLI_OK;
}

static int32_t gather_there(alldata__repair_round *round, alldata__mate *mate, size_t length) {
    repli_error error = REPLI_ERROR_INIT;
    if (!mate->asks.asked) {
        ask(round, mate, mate->last, length);
        return REPLI_OK;
    }
    int32_t code = alldata__talk_look(&mate->asks, &error);
    if (code == REPLI_EBUSY)
        return code;
    if (code == REPLI_OK) {
        round->bytes += mate->asks.answer.size;
        code = read_answer(round, mate, length, &error);
    }
    if (code != REPLI_OK)
        alldata__repair_round_lose(round, mate, &error);
    return REPLI_OK;
}

int32_t alldata__gather_step(alldata__repair_round *round, size_t length, repli_error *err) {
    int waits = 0;
    int works = 0;
    if (!round->mates[0].gathered)
        return gather_here(round, &round->mates[0], length, err);
    /* Who has nothing has nothing to hand over, and need not know what others have. */
    if (round->mates[0].count == 0)
        return REPLI_EDONE;
    for (size_t i = 1; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        if (mate->gathered || mate->silent)
            continue;
        if (gather_there(round, mate, length) == REPLI_EBUSY)
            waits = 1;
        else
            works = 1;
    }
    return works ? REPLI_OK : waits ? REPLI_EBUSY : REPLI_EDONE;
}

/* What they say. */

/* Days or minutes since 1970. */
static int64_t number_of(const char *bucket) {
    char text[ALLDATA__BUCKET_SIZE] = "00000000T000000";
    int64_t second = 0;
    const size_t size = strlen(bucket);
    memcpy(text, bucket, size);
    if (!alldata__moment_read(text, &second))
        return -1;
    return size == 8 ? second / 86400 : second / 60;
}

static const char *least_bucket(const alldata__repair_round *round) {
    const char *least = NULL;
    for (size_t i = 0; i < round->count; i++) {
        const alldata__mate *mate = &round->mates[i];
        if (!mate->silent && mate->at < mate->count &&
            (least == NULL || strcmp(mate->digests[mate->at].bucket, least) < 0))
            least = mate->digests[mate->at].bucket;
    }
    return least;
}

/* Whatever differs in one of the nodes, or in who they are, makes another number of it. */
static uint64_t add_state(uint64_t state, const alldata__place *place, const alldata__digest *it) {
    const uint64_t parts[] = {place->id, it->count, it->hash};
    const alldata_record record = {.key = (const char *)parts, .key_size = sizeof(parts)};
    return state + alldata__record_hash(&record);
}

/* Take the bucket from all that have it. Not 0: they have the same in it, and all have it. */
static int take_bucket(alldata__repair_round *round, const char *bucket, alldata__digest *ret_here,
                       uint64_t *ret_state) {
    const alldata__digest none = {.count = 0};
    int equal = 1;
    *ret_state = 0;
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *mate = &round->mates[i];
        if (mate->silent)
            continue;
        const int has =
            mate->at < mate->count && strcmp(mate->digests[mate->at].bucket, bucket) == 0;
        const alldata__digest it = has ? mate->digests[mate->at++] : none;
        if (i == 0)
            *ret_here = it;
        equal &= it.count == ret_here->count && it.hash == ret_here->hash;
        *ret_state = add_state(*ret_state, &round->places[i], &it);
    }
    return equal;
}

static void clear_gaps(alldata__repair_round *round, int64_t number) {
    const int64_t length = round->phase == ALLDATA__GATHERS_DAYS ? 24 * 60 : 1;
    pthread_mutex_lock(round->mutex);
    alldata__gaps_clear(round->gaps, number * length, (number + 1) * length);
    pthread_mutex_unlock(round->mutex);
}

int32_t alldata__gather_doubts(alldata__repair_round *round, alldata__doubts *doubts,
                               repli_error *err) {
    const int whole = alldata__repair_round_silent(round) == 0;
    const int all =
        whole && alldata__repair_round_needed(round) == alldata__repair_round_present(round);
    const char *least;
    doubts->count = 0;
    doubts->at = 0;
    doubts->is_bad = !whole;
    doubts->lost = alldata__repair_round_lost(round);
    while ((least = least_bucket(round)) != NULL) {
        char bucket[ALLDATA__BUCKET_SIZE];
        alldata__digest here = {.count = 0};
        alldata__doubt it = {.is_bad = !whole};
        memcpy(bucket, least, sizeof(bucket));
        const int equal = take_bucket(round, bucket, &here, &it.state);
        it.number = number_of(bucket);
        const int is_day = round->phase == ALLDATA__GATHERS_DAYS;
        if (is_day)
            round->looked_at += here.count;
        const int good = is_day ? alldata__known_day(round->known, it.number, it.state)
                                : alldata__known_minute(round->known, it.number, it.state);
        const int is_good = (all && equal) || (whole && good);
        if (is_good)
            clear_gaps(round, it.number);
        if (it.number < 0 || here.count == 0 || is_good)
            continue;
        if (repli__grow(round->mem, (void **)&doubts->items, &doubts->capacity, doubts->count,
                        sizeof(*doubts->items)) != 0)
            return repli__error_nomem(err, "repair", "comparing events");
        doubts->items[doubts->count++] = it;
    }
    return REPLI_OK;
}
