#include "trap.h"

#include <dlfcn.h>

extern const char __executable_start[], etext[];

static struct {
    trap_plan plan; /* changes only while armed is 0 */
    atomic_int armed;
    atomic_size_t requests;
    atomic_size_t failures;
} trap;

static _Thread_local enum { ELSEWHERE, HERE, EXEMPT } position;

void trap_set(const trap_plan *plan) {
    atomic_store(&trap.armed, 0);
    trap.plan = *plan;
    atomic_store(&trap.requests, 0);
    atomic_store(&trap.failures, 0);
    atomic_store(&trap.armed, 1);
}

size_t trap_clear(void) {
    atomic_store(&trap.armed, 0);
    return atomic_load(&trap.failures);
}

size_t trap_count(void) {
    return atomic_load(&trap.requests);
}

size_t trap_failed(void) {
    return atomic_load(&trap.armed) ? atomic_load(&trap.failures) : 0;
}

void trap_enter(void) {
    position = HERE;
}

void trap_leave(void) {
    position = EXEMPT;
}

void trap_exempt(void) {
    position = EXEMPT;
}

/* The library is linked into the program; what it stands on is not. */
static int is_ours(const void *caller) {
    return (const char *)caller >= __executable_start && (const char *)caller < etext;
}

static int concerns(const trap_plan *plan, unsigned kinds, const void *caller) {
    if ((plan->kinds & kinds) == 0 || position == EXEMPT)
        return 0;
    if (plan->where != TRAP_EVERYWHERE && (plan->where == TRAP_HERE) != (position == HERE))
        return 0;
    return plan->whose == TRAP_ANYBODY || is_ours(caller) == (plan->whose == TRAP_OURS);
}

int trap_hit(unsigned kinds, const void *caller, int likely) {
    if (!atomic_load_explicit(&trap.armed, memory_order_acquire))
        return 0;
    const trap_plan *plan = &trap.plan;
    if (!concerns(plan, kinds, caller))
        return 0;
    const size_t number = atomic_fetch_add(&trap.requests, 1) + 1;
    if (plan->at == 0 || number < plan->at || (number > plan->at && !plan->for_good))
        return 0;
    atomic_fetch_add(&trap.failures, 1);
    return plan->error != 0 ? plan->error : likely;
}

void *trap_next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}
