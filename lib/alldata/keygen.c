#include <alldata/keygen.h>

#include <stdatomic.h>
#include <string.h>

#include "alldata/key.h"
#include "alldata/owner.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/sized.h"

#define ORIGIN "keygen"

/* As long as the shortest interval: the storage of every peer still takes such keys. */
enum { MAX_AHEAD_MS = 300000 };

struct alldata_keygen {
    repli__mem mem;
    alldata__owner owner;
    alldata_clock_fn clock;
    void *clock_data;
    uint64_t max_ahead; /* ticks */
    atomic_int node;
    _Atomic uint64_t last; /* tick of the last key */
};

static int64_t system_clock(void *user_data) {
    (void)user_data;
    return repli__wall_ns();
}

static int32_t take_options(const alldata_keygen_options *from, alldata_keygen_options *ret,
                            repli_error *err) {
    static const alldata_keygen_options none = ALLDATA_KEYGEN_OPTIONS_INIT;
    if (from == NULL)
        from = &none;
    if (repli__sized(from) < REPLI__SIZE_TO(alldata_keygen_options, clock_data))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "struct_size of the options is %u, at least %zu is needed: initialise "
                            "them with ALLDATA_KEYGEN_OPTIONS_INIT",
                            (unsigned)repli__sized(from),
                            REPLI__SIZE_TO(alldata_keygen_options, clock_data));
    repli__sized_copy(ret, sizeof(*ret), from);
    return REPLI_OK;
}

static int32_t check_node(int32_t node, repli_error *err) {
    if (node >= 0 && node < ALLDATA_KEYGEN_NODES)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ORIGIN,
                        "%d is no number of a node: they go from 0 to %d", (int)node,
                        ALLDATA_KEYGEN_NODES - 1);
}

int32_t alldata__keygen_draw(int32_t *ret_node, repli_error *err) {
    uint64_t random;
    const int32_t code =
        repli__random(&random, ORIGIN, "draw a number for this node, so give it one", err);
    if (code == REPLI_OK)
        *ret_node = (int32_t)(random % ALLDATA_KEYGEN_NODES);
    return code;
}

/* The tick of the last key there was. */
static int32_t read_after(const char *after, uint64_t *ret_last, repli_error *err) {
    int64_t tick = 0;
    const int32_t code = after != NULL ? alldata_key_validate(after, strlen(after), err) : REPLI_OK;
    if (code != REPLI_OK)
        return code;
    if (after != NULL)
        alldata__key_read(after, ALLDATA_KEY_LENGTH, &tick);
    *ret_last = tick > 0 ? (uint64_t)tick : 0;
    return REPLI_OK;
}

int32_t alldata_keygen_new(const alldata_keygen_options *options, const repli_allocator *allocator,
                           alldata_keygen **ret_keygen, repli_error *err) {
    alldata_keygen_options own;
    uint64_t last = 0;
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    int32_t code = take_options(options, &own, err);
    if (code == REPLI_OK)
        code = own.node == -1 ? alldata__keygen_draw(&own.node, err) : check_node(own.node, err);
    if (code == REPLI_OK)
        code = read_after(own.after, &last, err);
    if (code != REPLI_OK)
        return code;
    alldata_keygen *keygen = repli__alloc(&mem, sizeof(*keygen));
    if (keygen == NULL)
        return repli__error_nomem(err, ORIGIN, "making a generator of keys");
    const uint64_t ahead_ms = own.max_ahead_ms != 0 ? own.max_ahead_ms : MAX_AHEAD_MS;
    const uint64_t ticks_per_ms = (uint64_t)ALLDATA__TICKS_PER_S / 1000;
    *keygen = (alldata_keygen){
        .mem = mem,
        .clock = own.clock != NULL ? own.clock : system_clock,
        .clock_data = own.clock_data,
        .max_ahead = ahead_ms < INT64_MAX / ticks_per_ms ? ahead_ms * ticks_per_ms : INT64_MAX,
    };
    alldata__owner_init(&keygen->owner);
    atomic_init(&keygen->node, own.node);
    atomic_init(&keygen->last, last);
    *ret_keygen = keygen;
    return REPLI_OK;
}

void alldata_keygen_free(alldata_keygen *keygen) {
    if (keygen == NULL)
        return;
    const repli__mem mem = keygen->mem;
    alldata__owner_dispose(&keygen->owner);
    repli__free(&mem, keygen);
}

static int32_t too_far_ahead(uint64_t tick, uint64_t now, uint64_t allowed, int32_t node,
                             repli_error *err) {
    char last[ALLDATA_KEY_SIZE];
    char clock[ALLDATA_KEY_SIZE];
    alldata__key_write(tick, node, last);
    alldata__key_write(now, node, clock);
    return repli__error(err, REPLI_ENOTREADY, ORIGIN,
                        "the clock is at %.18s, but keys were made up to %.18s, and may run %llu s "
                        "ahead of the clock and no further: set the clock, or wait until it is "
                        "there",
                        clock, last, (unsigned long long)(allowed / ALLDATA__TICKS_PER_S));
}

int32_t alldata_keygen_next(alldata_keygen *keygen, char ret_key[ALLDATA_KEY_SIZE],
                            repli_error *err) {
    const int32_t code = alldata__owner_check(&keygen->owner, ORIGIN, err);
    if (code != REPLI_OK)
        return code;
    const int64_t now_ns = keygen->clock(keygen->clock_data);
    const uint64_t now = now_ns > 0 ? (uint64_t)(now_ns / ALLDATA__TICK_NS) : 0;
    uint64_t last = atomic_load_explicit(&keygen->last, memory_order_relaxed);
    uint64_t tick;
    do {
        tick = now > last ? now : last + 1;
        if (tick - now > keygen->max_ahead)
            return too_far_ahead(last, now, keygen->max_ahead, atomic_load(&keygen->node), err);
    } while (!atomic_compare_exchange_weak(&keygen->last, &last, tick));
    alldata__key_write(tick, atomic_load_explicit(&keygen->node, memory_order_relaxed), ret_key);
    return REPLI_OK;
}

int32_t alldata_keygen_node(const alldata_keygen *keygen) {
    return atomic_load(&keygen->node);
}

int32_t alldata_keygen_set_node(alldata_keygen *keygen, int32_t node, repli_error *err) {
    const int32_t code = check_node(node, err);
    if (code == REPLI_OK)
        atomic_store(&keygen->node, node);
    return code;
}
