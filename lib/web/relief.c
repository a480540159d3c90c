#include "web/relief.h"

#include "base/clock.h"
#include "base/thread.h"

/* As long as whoever is away is waited for, and how often that is looked at. */
#define AWAY_NS (10 * (uint64_t)REPLI__NS_PER_MS)

int32_t repli__web_relief_init(repli__web_relief *relief, repli_error *err) {
    const int32_t code = repli__cond_init(&relief->changed, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&relief->mutex, NULL);
    relief->made = 1;
    return REPLI_OK;
}

void repli__web_relief_dispose(repli__web_relief *relief) {
    if (!relief->made)
        return;
    pthread_mutex_destroy(&relief->mutex);
    pthread_cond_destroy(&relief->changed);
}

static void have_watched(repli__web_relief *relief) {
    pthread_mutex_lock(&relief->mutex);
    atomic_store(&relief->watched, 1);
    pthread_mutex_unlock(&relief->mutex);
    pthread_cond_signal(&relief->changed);
}

uint64_t repli__web_relief_leave(repli__web_relief *relief) {
    const uint64_t now_ns = repli__mono_ns();
    atomic_store(&relief->away_ns, now_ns);
    atomic_fetch_add(&relief->trips, 1);
    if (!atomic_load(&relief->watched))
        have_watched(relief);
    return now_ns;
}

/* Times of those who were away differ, since one is let be away for long before another is. */
int repli__web_relief_return(repli__web_relief *relief, uint64_t away_ns) {
    unsigned long long expected = away_ns;
    return atomic_compare_exchange_strong(&relief->away_ns, &expected, 0);
}

static int take_over(repli__web_relief *relief) {
    unsigned long long away_ns = atomic_load(&relief->away_ns);
    return away_ns != 0 && repli__mono_ns() >= away_ns + AWAY_NS &&
           atomic_compare_exchange_strong(&relief->away_ns, &away_ns, 0);
}

/* Until there may be something to see. The mutex is held. */
static void wait_to_look(repli__web_relief *relief) {
    const unsigned trips = atomic_load(&relief->trips);
    if (!atomic_load(&relief->watched)) {
        pthread_cond_wait(&relief->changed, &relief->mutex);
        return;
    }
    repli__cond_wait_until(&relief->changed, &relief->mutex, repli__mono_ns() + AWAY_NS);
    if (atomic_load(&relief->trips) != trips || atomic_load(&relief->away_ns) != 0)
        return;
    /* Who leaves now either sees that nobody looks, or is seen. */
    atomic_store(&relief->watched, 0);
    if (atomic_load(&relief->trips) != trips)
        atomic_store(&relief->watched, 1);
}

int repli__web_relief_wait(repli__web_relief *relief) {
    int has = 0;
    pthread_mutex_lock(&relief->mutex);
    while (!relief->over && !(has = take_over(relief)))
        wait_to_look(relief);
    pthread_mutex_unlock(&relief->mutex);
    return has;
}

void repli__web_relief_end(repli__web_relief *relief) {
    pthread_mutex_lock(&relief->mutex);
    relief->over = 1;
    pthread_cond_broadcast(&relief->changed);
    pthread_mutex_unlock(&relief->mutex);
}
