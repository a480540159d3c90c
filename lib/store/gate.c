#include "store/internal.h"

/* What may start while an operator holds the rest up. */

typedef struct gate_change {
    repli__change change;
    int shut;
    const char *name;
    const char *value;
    const repli__note *event;
} gate_change;

static int apply_gate(repli__store *store, repli__change *change) {
    const gate_change *gate = (const gate_change *)change;
    store->draft.shut = gate->shut;
    store->draft.looked = 0;
    const int code = repli__change_remember(store, gate->name, gate->value);
    if (code != SQLITE_OK || gate->event == NULL)
        return code;
    static const repli__notes nobody = {.notes = NULL};
    return repli__event_write(store, &nobody, gate->event, gate->event->from, 1);
}

int32_t repli__store_set_gate(repli__store *store, int shut, const char *name, const char *value,
                              const repli__note *event, repli_error *err) {
    gate_change gate = {.change = {.apply = apply_gate},
                        .shut = shut,
                        .name = name,
                        .value = value,
                        .event = event};
    return repli__commit(store, &gate.change, err);
}

void repli__store_gate_init(repli__store *store, int shut, repli__store_passes_fn passes,
                            void *user_data) {
    store->passes = passes;
    store->passes_data = user_data;
    store->state.shut = shut;
}

/* Whoever leads is the only one that changes the state. */
static void look_again(repli__store *store, const repli__change *change) {
    (void)change;
    pthread_mutex_lock(&store->mutex);
    store->state.looked = 0;
    pthread_mutex_unlock(&store->mutex);
}

static int nothing(repli__store *store, repli__change *change) {
    (void)store;
    (void)change;
    return SQLITE_OK;
}

void repli__store_gate_changed(repli__store *store) {
    repli__change change = {.prepare = look_again, .apply = nothing};
    repli__commit(store, &change, NULL);
}
