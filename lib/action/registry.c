#include "action/registry.h"

#include <string.h>

#include <replicante/model.h>

#include "base/error.h"
#include "model/validate.h"

struct repli__registry {
    repli__mem mem;
    repli__handler *entries; /* in the order of their names; texts are owned */
    size_t count, capacity;
};

int32_t repli__registry_new(const repli__mem *mem, repli__registry **ret_registry,
                            repli_error *err) {
    repli__registry *registry = repli__calloc(mem, 1, sizeof(*registry));
    if (registry == NULL)
        return repli__error_nomem(err, "agent", "collecting the kinds of action");
    registry->mem = *mem;
    *ret_registry = registry;
    return REPLI_OK;
}

static void free_kind(const repli__mem *mem, repli_action_kind *kind) {
    repli__free(mem, (char *)kind->kind);
    repli__free(mem, (char *)kind->summary);
    repli__free(mem, (char *)kind->arguments);
}

void repli__registry_free(repli__registry *registry) {
    if (registry == NULL)
        return;
    const repli__mem mem = registry->mem;
    for (size_t i = 0; i < registry->count; i++)
        free_kind(&mem, &registry->entries[i].kind);
    repli__free(&mem, registry->entries);
    repli__free(&mem, registry);
}

/* Where a kind is, or belongs. Returns 1 if it is there. */
static int locate(const repli__registry *registry, const char *kind, size_t *ret_index) {
    size_t low = 0;
    size_t high = registry->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(registry->entries[middle].kind.kind, kind);
        if (order == 0) {
            *ret_index = middle;
            return 1;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = low;
    return 0;
}

static int32_t check_name(int32_t owner, const char *kind, repli_error *err) {
    if (kind == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "a kind of action has no name");
    const int32_t code = repli_scoped_name_validate(kind, err);
    if (code != REPLI_OK || owner == REPLI__OWNER_LIBRARY || !repli_scoped_name_reserved(kind))
        return code;
    if (owner == REPLI__OWNER_DRIVER && repli__kind_for_drivers(kind))
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "agent",
                        owner == REPLI__OWNER_DRIVER
                            ? "the kind of action %s is reserved: of replicante.io's names a "
                              "driver may only offer agent.replicante.io/cluster.init, .add, .join "
                              "and .remove; use a domain of the driver's own"
                            : "the kind of action %s is reserved: names below replicante.io "
                              "belong to the library and to drivers; use a domain of your own",
                        kind);
}

static int copy_text(const repli__mem *mem, const char **text) {
    const char *copy = repli__strdup(mem, *text);
    const int copied = copy != NULL || *text == NULL;
    *text = copy;
    return copied;
}

static int copy_kind(const repli__mem *mem, repli_action_kind *kind) {
    const int kind_copied = copy_text(mem, &kind->kind);
    const int summary_copied = copy_text(mem, &kind->summary);
    const int arguments_copied = copy_text(mem, &kind->arguments);
    if (kind_copied && summary_copied && arguments_copied)
        return 1;
    free_kind(mem, kind);
    return 0;
}

int32_t repli__registry_add(repli__registry *registry, int32_t owner, const repli__handler *handler,
                            repli_error *err) {
    const char *kind = handler->kind.kind;
    const int32_t code = check_name(owner, kind, err);
    if (code != REPLI_OK)
        return code;
    if (handler->step == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "the kind of action %s has no step function", kind);
    size_t index;
    if (locate(registry, kind, &index))
        return repli__error(err, REPLI_ECONFLICT, "agent",
                            "the kind of action %s is offered already, and can be only once", kind);
    repli__handler added = *handler;
    if (repli__grow(&registry->mem, (void **)&registry->entries, &registry->capacity,
                    registry->count, sizeof(*registry->entries)) != REPLI_OK ||
        !copy_kind(&registry->mem, &added.kind))
        return repli__error_nomem(err, "agent", "collecting the kinds of action");
    repli__handler *place = &registry->entries[index];
    memmove(place + 1, place, (registry->count - index) * sizeof(*place));
    *place = added;
    registry->count++;
    return REPLI_OK;
}

const repli__handler *repli__registry_find(const repli__registry *registry, const char *kind) {
    size_t index;
    return locate(registry, kind, &index) ? &registry->entries[index] : NULL;
}

size_t repli__registry_count(const repli__registry *registry) {
    return registry->count;
}

const repli__handler *repli__registry_at(const repli__registry *registry, size_t index) {
    return index < registry->count ? &registry->entries[index] : NULL;
}
