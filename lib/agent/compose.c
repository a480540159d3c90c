#include "agent/compose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/status.h"
#include "agent/version.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/doc.h"
#include "model/validate.h"

/* All of the library's own attributes begin with this. */
static const char own_domain[] = "agent.replicante.io/";

enum { OWN_ATTRIBUTES = 8, OWN_ADDRESSES = 2 };

/* A node being put together. Lists are made in the arena, texts borrowed. */
struct draft {
    const repli__composer *composer;
    repli__arena arena;
    repli__snapshot_parts parts;
    repli_store_extras store;
    repli_error store_error;
    repli_error shards_error;
    repli__version version;
    char reason[REPLI__REASON_SIZE];
    char observed_at[REPLI_TIME_SIZE];
    char previous_id[REPLI__ID_MAX + 1];
    repli__maintenance_state maintenance;
    char until[REPLI_TIME_SIZE];
};

static void draft_init(struct draft *draft, const repli__composer *composer) {
    memset(draft, 0, sizeof(*draft));
    draft->composer = composer;
    repli__arena_init(&draft->arena, composer->mem);
    draft->store_error = (repli_error)REPLI_ERROR_INIT;
    draft->shards_error = (repli_error)REPLI_ERROR_INIT;
    draft->parts.store_error = &draft->store_error;
    draft->parts.shards_error = &draft->shards_error;
    repli_node *node = &draft->parts.node;
    node->struct_size = (uint32_t)sizeof(*node);
    node->node_id = repli__config_text(composer->config, REPLI__KEY_NODE_ID);
    node->store_id = composer->config->driver.driver.store_id;
    node->agent_version = repli__version_of_agent();
    node->store_version = (repli_store_version)REPLI_STORE_VERSION_INIT;
    repli__facts_previous_cluster(composer->facts, draft->previous_id, sizeof(draft->previous_id));
    repli__maintenance_get(&composer->facts->maintenance, &draft->maintenance);
}

static void set_time(struct draft *draft, uint64_t started_ns) {
    draft->parts.started_ns = started_ns;
    draft->parts.finished_ns = repli__mono_ns();
    draft->parts.time_ns = repli__wall_ns();
}

static void set_status(struct draft *draft, int32_t status) {
    draft->parts.node.status = status;
    draft->parts.node.status_reason = draft->reason[0] != '\0' ? draft->reason : NULL;
}

/* Of a store that does not tell its version. */
static void set_known_version(struct draft *draft) {
    repli__facts_version(draft->composer->facts, &draft->version);
    const repli__version *known = &draft->version;
    repli_store_version *version = &draft->parts.node.store_version;
    version->number = known->number[0] != '\0' ? known->number : NULL;
    version->checkout = known->checkout[0] != '\0' ? known->checkout : NULL;
    version->extra = known->extra[0] != '\0' ? known->extra : NULL;
}

static const repli_address *find_address(const repli_address *addresses, size_t count,
                                         const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(addresses[i].name, name) == 0)
            return &addresses[i];
    return NULL;
}

/* The configured ones, and of those that were found out the others. */
static int32_t set_addresses(struct draft *draft, const repli_address *found, size_t found_count) {
    static const struct {
        const char *name;
        int key;
    } configurable[OWN_ADDRESSES] = {{"client", REPLI__KEY_ADDRESS_CLIENT},
                                     {"member", REPLI__KEY_ADDRESS_MEMBER}};
    repli_address *addresses =
        repli__arena_calloc(&draft->arena, found_count + OWN_ADDRESSES, sizeof(*addresses));
    if (addresses == NULL)
        return REPLI_ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < OWN_ADDRESSES; i++) {
        const char *address = repli__config_text(draft->composer->config, configurable[i].key);
        if (address == NULL)
            continue;
        addresses[count] = (repli_address)REPLI_ADDRESS_INIT;
        addresses[count].name = configurable[i].name;
        addresses[count++].address = address;
    }
    const size_t configured = count;
    for (size_t i = 0; i < found_count; i++)
        if (find_address(addresses, configured, found[i].name) == NULL)
            addresses[count++] = found[i];
    draft->parts.node.addresses = addresses;
    draft->parts.node.address_count = count;
    return REPLI_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const repli_attribute *)a)->name, ((const repli_attribute *)b)->name);
}

static void add_own(repli_attribute *attributes, size_t *count, const char *name,
                    const char *value) {
    if (value == NULL || *value == '\0')
        return;
    repli_attribute *attribute = &attributes[(*count)++];
    *attribute = (repli_attribute)REPLI_ATTRIBUTE_INIT;
    attribute->name = name;
    attribute->type = REPLI_VALUE_STRING;
    attribute->string = value;
}

/* Whether it lasts is always said, so that nobody has to tell "no" from "not known". */
static void add_maintenance(struct draft *draft, repli_attribute *attributes, size_t *count) {
    const repli__maintenance_state *maintenance = &draft->maintenance;
    repli_attribute *attribute = &attributes[(*count)++];
    *attribute = (repli_attribute)REPLI_ATTRIBUTE_INIT;
    attribute->name = "agent.replicante.io/maintenance";
    attribute->type = REPLI_VALUE_BOOLEAN;
    attribute->integer = maintenance->on;
    if (!maintenance->on)
        return;
    if (maintenance->until_ns != REPLI_TIME_NONE)
        repli_time_format(maintenance->until_ns, draft->until, sizeof(draft->until), NULL);
    add_own(attributes, count, "agent.replicante.io/maintenance.owner", maintenance->owner);
    add_own(attributes, count, "agent.replicante.io/maintenance.reason", maintenance->reason);
    add_own(attributes, count, "agent.replicante.io/maintenance.until", draft->until);
}

/* Those given, but for ours of another snapshot, and ours of this one. */
static int32_t set_attributes(struct draft *draft, const repli_attribute *given,
                              size_t given_count) {
    repli_attribute *attributes =
        repli__arena_calloc(&draft->arena, given_count + OWN_ATTRIBUTES, sizeof(*attributes));
    if (attributes == NULL)
        return REPLI_ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < given_count; i++)
        if (strncmp(given[i].name, own_domain, sizeof(own_domain) - 1) != 0)
            attributes[count++] = given[i];
    if (repli_time_format(draft->parts.time_ns, draft->observed_at, sizeof(draft->observed_at),
                          NULL) != REPLI_OK)
        draft->observed_at[0] = '\0';
    add_own(attributes, &count, "agent.replicante.io/cluster_id.previous", draft->previous_id);
    if (draft->parts.started_ns != 0)
        add_own(attributes, &count, "agent.replicante.io/observed_at", draft->observed_at);
    add_own(attributes, &count, REPLI__STATUS_REASON_ATTRIBUTE, draft->reason);
    add_maintenance(draft, attributes, &count);
    if (draft->parts.node.store_version.number != NULL)
        add_own(attributes, &count, "agent.replicante.io/store_version.source",
                draft->version.source);
    qsort(attributes, count, sizeof(*attributes), by_name);
    draft->parts.node.attributes = attributes;
    draft->parts.node.attribute_count = count;
    return REPLI_OK;
}

static void set_store(struct draft *draft, const repli__answer *answer) {
    if (answer->code != REPLI_OK) {
        repli__error_copy(&draft->store_error, &answer->error);
        return;
    }
    draft->store = (repli_store_extras){.struct_size = (uint32_t)sizeof(draft->store),
                                        .cluster_id = answer->sink.cluster_id,
                                        .attributes = answer->sink.attributes,
                                        .attribute_count = answer->sink.attribute_count};
    draft->parts.store = &draft->store;
}

static void set_shards(struct draft *draft, repli__answer *answer) {
    if (answer->code == REPLI_OK)
        draft->parts.shards = &answer->sink;
    else
        repli__error_copy(&draft->shards_error, &answer->error);
}

static int32_t finish(struct draft *draft, const repli_address *addresses, size_t address_count,
                      const repli_attribute *attributes, size_t attribute_count,
                      repli_snapshot **ret_snapshot, repli_error *err) {
    int32_t code = set_addresses(draft, addresses, address_count);
    if (code == REPLI_OK)
        code = set_attributes(draft, attributes, attribute_count);
    if (code == REPLI_OK)
        code = repli__snapshot_new(&draft->parts, draft->composer->mem, ret_snapshot, err);
    else
        repli__error_nomem(err, "agent", "making a snapshot");
    repli__arena_dispose(&draft->arena);
    return code;
}

int32_t repli__compose_first(const repli__composer *composer, repli_snapshot **ret_snapshot,
                             repli_error *err) {
    struct draft draft;
    draft_init(&draft, composer);
    set_time(&draft, 0);
    snprintf(draft.reason, sizeof(draft.reason), "the node has not been observed yet");
    set_status(&draft, REPLI_STATUS_UNKNOWN);
    set_known_version(&draft);
    repli__error(&draft.store_error, REPLI_ENOTREADY, "agent", "%s", draft.reason);
    repli__error(&draft.shards_error, REPLI_ENOTREADY, "agent", "%s", draft.reason);
    return finish(&draft, NULL, 0, NULL, 0, ret_snapshot, err);
}

int32_t repli__compose_answer(const repli__composer *composer, repli__probe *probe,
                              const repli_snapshot *before, repli_snapshot **ret_snapshot,
                              repli_error *err) {
    struct draft draft;
    draft_init(&draft, composer);
    set_time(&draft, probe->started_ns);
    const int32_t status = repli__status_of_probe(probe, draft.reason);
    set_status(&draft, status);

    const repli__answer *node = &probe->answers[REPLI__ASK_NODE];
    if (node->sink.version.number != NULL)
        draft.parts.node.store_version = node->sink.version;
    else
        set_known_version(&draft);
    set_store(&draft, &probe->answers[REPLI__ASK_STORE]);
    set_shards(&draft, &probe->answers[REPLI__ASK_SHARDS]);

    /* A node does not move because its store is down. */
    const repli_address *addresses = node->sink.addresses;
    size_t address_count = node->sink.address_count;
    if (node->code != REPLI_OK && address_count == 0) {
        addresses = repli_snapshot_node(before)->addresses;
        address_count = repli_snapshot_node(before)->address_count;
    }
    return finish(&draft, addresses, address_count, node->sink.attributes,
                  node->sink.attribute_count, ret_snapshot, err);
}

int32_t repli__compose_overrun(const repli__composer *composer, repli__probe *probe,
                               const repli_snapshot *before, repli_snapshot **ret_snapshot,
                               repli_error *err) {
    struct draft draft;
    draft_init(&draft, composer);
    /* That the driver hangs is seen now. */
    const uint64_t now_ns = repli__mono_ns();
    set_time(&draft, now_ns);
    snprintf(draft.reason, sizeof(draft.reason),
             "the driver has been in %s for %" PRIu64 " ms, past its deadline of %" PRIu64 " ms",
             repli__ask_name(atomic_load(&probe->progress)),
             (now_ns - probe->started_ns) / (uint64_t)REPLI__NS_PER_MS,
             probe->timeout_ns / (uint64_t)REPLI__NS_PER_MS);
    set_status(&draft, REPLI_STATUS_UNAVAILABLE);
    set_known_version(&draft);
    repli__error(&draft.store_error, REPLI_ETIMEOUT, "agent", "%s", draft.reason);
    repli__error(&draft.shards_error, REPLI_ETIMEOUT, "agent", "%s", draft.reason);
    const repli_node *known = repli_snapshot_node(before);
    return finish(&draft, known->addresses, known->address_count, known->attributes,
                  known->attribute_count, ret_snapshot, err);
}
