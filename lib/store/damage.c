#include "store/internal.h"

int32_t repli__damage_error(repli__store *store, const repli__sql *sql, int code, const char *tried,
                            repli_error *err) {
    const int32_t failed = repli__sql_error(sql, code, tried, err);
    if (failed == REPLI_ECORRUPT)
        atomic_store(&store->damaged, 1);
    return failed;
}

int repli__damage_seen(const repli__store *store) {
    return atomic_load(&store->damaged);
}

void repli__damage_tell(repli__store *store) {
    if (!repli__damage_seen(store) || atomic_exchange(&store->damage_told, 1))
        return;
    repli__log_printf(
        store->log, REPLI_LOG_ERROR, "store",
        "the database %s is damaged: nothing is written to it any more, and no action "
        "begins; stop the agent and put a backup in its place",
        store->path);
}
