#include "agent/journal.h"

#include <string.h>

#include "agent/changes.h"
#include "base/clock.h"

/* Roles in one transaction, for which others wait; and in one observation those that are told one
 * by one, before they are only counted. */
enum { CHUNK = 1000, TOLD = 1000, RETRY_MS = 1000 };

/* What is done next: REST when there is a snapshot, the others with one. */
enum { REST, NODE, LOOK, ROLES, GONE };

void repli__journal_init(repli__journal *journal, repli__store *store, const repli__mem *mem,
                         repli__log *log) {
    repli__store_stats stats;
    repli__store_stats_get(store, &stats);
    *journal = (repli__journal){.mem = *mem, .log = log, .store = store, .after = ""};
    journal->away = stats.last_event > 0 ? REPLI_EVENT_AWAY : 0;
    pthread_mutex_init(&journal->mutex, NULL);
}

static void end_gone(repli__journal *journal) {
    repli__shard_index_free(journal->index, &journal->mem);
    repli_doc_free(journal->page);
    journal->index = NULL;
    journal->page = NULL;
    journal->after = "";
}

void repli__journal_dispose(repli__journal *journal) {
    for (size_t i = 0; i < journal->count; i++)
        repli_snapshot_unref(journal->waiting[i].snapshot);
    repli_snapshot_unref(journal->present.snapshot);
    repli_snapshot_unref(journal->last);
    repli_snapshot_unref(journal->with_shards);
    end_gone(journal);
    repli__free(&journal->mem, journal->roles);
    pthread_mutex_destroy(&journal->mutex);
}

void repli__journal_add(repli__journal *journal, repli_snapshot *snapshot,
                        const repli__executor_recent *recent) {
    repli__journal_entry entry = {.snapshot = repli_snapshot_ref(snapshot)};
    if (recent != NULL) {
        memcpy(entry.action_id, recent->id, sizeof(entry.action_id));
        memcpy(entry.action_kind, recent->kind, sizeof(entry.action_kind));
    }
    repli_snapshot *dropped = NULL;
    pthread_mutex_lock(&journal->mutex);
    /* As long as nothing can be written, the newest state takes the place of the one before. */
    if (journal->count == REPLI__JOURNAL_WAITING)
        dropped = journal->waiting[--journal->count].snapshot;
    journal->waiting[journal->count++] = entry;
    pthread_mutex_unlock(&journal->mutex);
    repli_snapshot_unref(dropped);
}

void repli__journal_end(repli__journal *journal) {
    pthread_mutex_lock(&journal->mutex);
    journal->ends = 1;
    pthread_mutex_unlock(&journal->mutex);
}

/* Not 0 on success. */
static int write(repli__journal *journal, const repli__note *notes, size_t count,
                 size_t *ret_events) {
    const repli__journal_entry *present = &journal->present;
    const int acts = present->action_id[0] != '\0';
    repli__notes all = {.notes = notes,
                        .count = count,
                        .action_id = acts ? present->action_id : NULL,
                        .action_kind = acts ? present->action_kind : NULL,
                        .most = ret_events != NULL ? journal->most : count};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__store_note(journal->store, &all, &error);
    if (code != REPLI_OK && !journal->failed)
        repli__log_printf(journal->log, REPLI_LOG_ERROR, "agent",
                          "what changed could not be written to the log of events, trying again: "
                          "%s",
                          error.message);
    journal->failed = code != REPLI_OK;
    journal->retry_ns = code != REPLI_OK ? repli__deadline_ns(RETRY_MS) : 0;
    if (code == REPLI_OK && ret_events != NULL)
        *ret_events = all.ret_count;
    return code == REPLI_OK;
}

/* The agent. */

static const char started[] = "started";

/* One that was killed could not say so. */
static int write_start(repli__journal *journal) {
    const repli__note notes[] = {
        {.type = REPLI_EVENT_AGENT,
         .flags = REPLI_EVENT_AWAY,
         .from = started,
         .value = "interrupted"},
        {.type = REPLI_EVENT_AGENT, .value = started},
        {.type = REPLI_EVENT_VERSION, .subject = "agent", .value = repli_version()},
    };
    journal->begun = write(journal, notes, sizeof(notes) / sizeof(notes[0]), NULL);
    return journal->begun;
}

static int write_stop(repli__journal *journal) {
    const repli__note note = {.type = REPLI_EVENT_AGENT, .value = "stopped"};
    journal->present.action_id[0] = '\0';
    return write(journal, &note, 1, NULL);
}

/* The node. */

static const char *membership(int32_t status) {
    switch (status) {
    case REPLI_STATUS_NOT_IN_CLUSTER: return "none";
    case REPLI_STATUS_JOINING_CLUSTER: return "joining";
    case REPLI_STATUS_LEAVING_CLUSTER: return "leaving";
    case REPLI_STATUS_UNHEALTHY:
    case REPLI_STATUS_HEALTHY: return "member";
    default: return NULL;
    }
}

static int differs(const char *a, const char *b) {
    return a != b && (a == NULL || b == NULL || strcmp(a, b) != 0);
}

static const char *cluster_of(const repli_snapshot *snapshot) {
    const repli_store_extras *store = repli_snapshot_store(snapshot, NULL);
    return store != NULL ? store->cluster_id : NULL;
}

static int node_differs(const repli_snapshot *before, const repli_snapshot *after) {
    if (before == NULL)
        return 1;
    const repli_node *old = repli_snapshot_node(before);
    const repli_node *new = repli_snapshot_node(after);
    return old->status != new->status ||
           differs(old->store_version.number, new->store_version.number) ||
           differs(cluster_of(before), cluster_of(after));
}

static int write_node(repli__journal *journal) {
    const repli_snapshot *snapshot = journal->present.snapshot;
    if (!node_differs(journal->last, snapshot))
        return 1;
    const repli_node *node = repli_snapshot_node(snapshot);
    const repli__note known[] = {
        {.type = REPLI_EVENT_STATUS,
         .value = repli_status_name(node->status),
         .reason = node->status_reason},
        {.type = REPLI_EVENT_VERSION, .subject = "store", .value = node->store_version.number},
        {.type = REPLI_EVENT_MEMBERSHIP, .subject = "cluster", .value = cluster_of(snapshot)},
        {.type = REPLI_EVENT_MEMBERSHIP, .subject = "node", .value = membership(node->status)},
    };
    repli__note notes[sizeof(known) / sizeof(known[0])];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].value != NULL) { /* else it is only not known at present */
            notes[count] = known[i];
            notes[count++].flags = journal->last == NULL ? journal->away : 0;
        }
    return write(journal, notes, count, NULL);
}

/* Roles. */

static int add_role(void *user_data, const repli_shard *old, const repli_shard *new) {
    repli__journal *journal = user_data;
    if (repli__grow(&journal->mem, (void **)&journal->roles, &journal->role_capacity,
                    journal->role_count, sizeof(*journal->roles)) != REPLI_OK)
        return 0;
    journal->roles[journal->role_count++] =
        (repli__note){.type = REPLI_EVENT_ROLE,
                      .flags = journal->with_shards == NULL ? journal->away : 0,
                      .subject = new != NULL ? new->id : old->id,
                      .value = new != NULL ? repli_role_name(new->role) : NULL,
                      .reason = new != NULL ? new->role_reason : NULL};
    return 1;
}

static void forget_roles(repli__journal *journal) {
    journal->role_count = journal->next_role = 0;
}

/* What changed between two snapshots; of the first one of a process that is not known, and each
 * shard is compared with what the log says, a part at a time. */
static int look(repli__journal *journal) {
    forget_roles(journal);
    journal->most = TOLD;
    journal->next_shard = 0;
    return journal->with_shards == NULL ||
           repli__changes_each(&journal->mem, repli_snapshot_shards(journal->with_shards, NULL),
                               repli_snapshot_shards(journal->present.snapshot, NULL), add_role,
                               journal);
}

static int add_shards(repli__journal *journal) {
    const repli_shards *shards = repli_snapshot_shards(journal->present.snapshot, NULL);
    forget_roles(journal);
    while (journal->next_shard < shards->shard_count && journal->role_count < CHUNK)
        if (!add_role(journal, NULL, &shards->shards[journal->next_shard++]))
            return 0;
    return 1;
}

/* Of a first snapshot. */
static int has_more(const repli__journal *journal) {
    return journal->with_shards == NULL &&
           journal->next_shard <
               repli_snapshot_shards(journal->present.snapshot, NULL)->shard_count;
}

static int write_roles(repli__journal *journal) {
    const size_t left = journal->role_count - journal->next_role;
    const size_t count = left < CHUNK ? left : CHUNK;
    size_t events = 0;
    if (count > 0 && !write(journal, journal->roles + journal->next_role, count, &events))
        return 0;
    journal->next_role += count;
    if (journal->next_role == journal->role_count)
        forget_roles(journal);
    journal->most -= events < journal->most ? events : journal->most;
    return 1;
}

static int index_shards(repli__journal *journal, const repli_shards *shards) {
    for (size_t i = 0; i < shards->shard_count; i++)
        if (repli__shard_index_add(&journal->index, &journal->mem, shards->shards, i) ==
            REPLI_ENOMEM)
            return 0;
    return 1;
}

/* Those in a page of what the log says that are not there any more. */
static int find_gone(repli__journal *journal, const char **subjects, size_t count) {
    const repli_shards *shards = repli_snapshot_shards(journal->present.snapshot, NULL);
    forget_roles(journal);
    if (journal->page == NULL && !index_shards(journal, shards))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const repli_shard shard = {.struct_size = sizeof(shard), .id = subjects[i]};
        if (repli__shard_index_find(journal->index, shards->shards, subjects[i]) == NULL &&
            !add_role(journal, &shard, NULL))
            return 0;
    }
    return 1;
}

/* A page of them; the last one ends it. */
static int write_gone(repli__journal *journal) {
    repli_doc *page;
    const char **subjects;
    size_t count;
    if (repli__store_subjects(journal->store, REPLI_EVENT_ROLE, journal->after, CHUNK, &page,
                              &subjects, &count, NULL) != REPLI_OK)
        return 0;
    if (!find_gone(journal, subjects, count) || !write_roles(journal)) {
        repli_doc_free(page);
        return 0;
    }
    repli_doc_free(journal->page);
    journal->page = page;
    journal->after = count > 0 ? subjects[count - 1] : "";
    if (count < CHUNK)
        end_gone(journal);
    return 1;
}

/* Work. */

static int take(repli__journal *journal) {
    pthread_mutex_lock(&journal->mutex);
    const int taken = journal->count > 0;
    if (taken) {
        journal->present = journal->waiting[0];
        journal->count--;
        memmove(journal->waiting, journal->waiting + 1,
                journal->count * sizeof(journal->waiting[0]));
    }
    pthread_mutex_unlock(&journal->mutex);
    return taken;
}

/* The snapshot is written down. */
static void end_snapshot(repli__journal *journal) {
    repli_snapshot *snapshot = journal->present.snapshot;
    if (journal->role_capacity > 2 * CHUNK) {
        repli__free(&journal->mem, journal->roles);
        journal->roles = NULL;
        journal->role_capacity = 0;
    }
    if (repli_snapshot_shards(snapshot, NULL) != NULL) {
        repli_snapshot_unref(journal->with_shards);
        journal->with_shards = repli_snapshot_ref(snapshot);
    }
    repli_snapshot_unref(journal->last);
    journal->last = snapshot;
    journal->present = (repli__journal_entry){0};
}

/* One piece; returns 0 if that did not work, and is to be tried again. */
static int go_on(repli__journal *journal) {
    const int has_shards = repli_snapshot_shards(journal->present.snapshot, NULL) != NULL;
    int next = REST;
    switch (journal->stage) {
    case NODE:
        if (!write_node(journal))
            return 0;
        next = has_shards ? LOOK : REST;
        break;
    case LOOK:
        if (!look(journal))
            return 0;
        next = ROLES;
        break;
    case ROLES:
        if (journal->with_shards == NULL && journal->next_role == journal->role_count &&
            !add_shards(journal))
            return 0;
        if (!write_roles(journal))
            return 0;
        if (journal->role_count > 0 || has_more(journal))
            next = ROLES;
        else if (journal->with_shards == NULL)
            next = GONE;
        break;
    default:
        if (!write_gone(journal))
            return 0;
        next = journal->page != NULL ? GONE : REST;
        break;
    }
    journal->stage = next;
    if (next == REST)
        end_snapshot(journal);
    return 1;
}

static int is_ending(repli__journal *journal) {
    pthread_mutex_lock(&journal->mutex);
    const int ends = journal->ends;
    pthread_mutex_unlock(&journal->mutex);
    return ends;
}

uint64_t repli__journal_run(repli__journal *journal) {
    if (repli__mono_ns() < journal->retry_ns && !is_ending(journal))
        return journal->retry_ns;
    journal->retry_ns = 0;
    int done = 1;
    if (!journal->begun) {
        done = write_start(journal);
    } else if (journal->stage != REST || take(journal)) {
        journal->stage = journal->stage == REST ? NODE : journal->stage;
        done = go_on(journal);
    } else {
        if (is_ending(journal))
            write_stop(journal);
        return UINT64_MAX;
    }
    if (!done && journal->retry_ns == 0)
        journal->retry_ns = repli__deadline_ns(RETRY_MS);
    return journal->retry_ns;
}
