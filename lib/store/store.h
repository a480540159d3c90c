#ifndef REPLI_STORE_STORE_H
#define REPLI_STORE_STORE_H

#include <stdint.h>

#include <replicante/model.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

/*
 * Invocation records and their history in SQLite.
 *
 * One connection writes. Changes are queued, and whoever finds nobody committing takes all that is
 * queued into one transaction (group commit): a lone caller pays for no hand-over, and sixty-four
 * callers share one sync. Changes asked for without waiting are left to the writer, which also
 * tells those who asked.
 *
 * Every transaction that leaves no action running also picks up the oldest waiting one (the claim),
 * so that a schedule on an idle queue, or the end of one action and the start of the next, costs
 * one commit. Claims are made only while an executor asked for them.
 *
 * An action with a time before which it may not begin is passed over until then. Every transaction
 * also lets those run whose time has come and ends those whose deadline passed while they waited;
 * if there is none by then, the writer sees to it. Both times are of the wall clock, which may be
 * set: the writer looks at it once a minute while there is something to wait for.
 *
 * Readers use a connection of their own and never wait for a writer.
 */
typedef struct repli__store repli__store;

typedef struct repli__store_options {
    const char *path;
    int full_sync;         /* synchronous=FULL, else NORMAL */
    int set_aside;         /* a damaged database makes way for an empty one, and is kept */
    uint64_t queue_limit;  /* most unfinished actions */
    const repli__mem *mem; /* outlives the store */
    repli__log *log;       /* outlives the store */
} repli__store_options;

/* Open or create, migrate, and become the owner. REPLI_EBUSY names the owner's pid; REPLI_ECORRUPT,
 * REPLI_EIO, REPLI_EINVALID (made by a newer release) change nothing on disk. */
int32_t repli__store_open(const repli__store_options *options, repli__store **ret_store,
                          repli_error *err);
/* Commits what is queued. */
void repli__store_close(repli__store *store);
/* In a forked child: close its copy of the lock, which would outlive the parent in it, and leave
 * everything else alone. */
void repli__store_abandon(repli__store *store);

/* The writer. It also copies the write-ahead log to the database, and, after a failure, tries until
 * writing works again. It has a thread unless it is driven. */
repli__worker *repli__store_worker(repli__store *store);
int32_t repli__store_start(repli__store *store, repli_error *err);
void repli__store_stop(repli__store *store);

/* May change at any time. */
void repli__store_set_queue_limit(repli__store *store, uint64_t limit);

/* Changes. */

/* How a change ended; run by the writer, or, if that does not run, within whatever call commits;
 * must not block. error is NULL on success. */
typedef void (*repli__store_done_fn)(void *user_data, int32_t code, const repli_error *error);

/* Write a request down as NEW. id, kind, args_json, requester and created_ns are set and valid. */
int32_t repli__store_insert(repli__store *store, const repli_request *request, repli_error *err);
int32_t repli__store_insert_async(repli__store *store, const repli_request *request,
                                  repli__store_done_fn done, void *user_data, repli_error *err);

/* The running action, as claimed. */
typedef struct repli__claim {
    repli_doc *doc;             /* owner of action */
    const repli_action *action; /* without history */
    int64_t sequence;           /* its place in the order of acceptance */
    uint64_t steps;             /* outcomes recorded so far */
    int interrupted;            /* may have been stepped since its last outcome was recorded */
} repli__claim;

/* Let transactions claim, and be told (on the committing thread; must not block nor call the store)
 * when one did. If an action is RUNNING or waits already, it is claimed before this returns. On
 * failure claims are on all the same, and made by the next transaction that works. */
int32_t repli__store_claims_on(repli__store *store, void (*claimed)(void *user_data),
                               void *user_data, repli_error *err);
/* No claim is made after this returns. An action that was claimed but not taken stays RUNNING. */
void repli__store_claims_off(repli__store *store);
/* Take over the claim made last: REPLI_ENOTFOUND if there is none. The caller frees claim.doc. */
int32_t repli__store_take(repli__store *store, repli__claim *ret_claim, repli_error *err);

/* What is so from now on, as far as anybody can tell. */
typedef struct repli__note {
    int32_t type;   /* REPLI_EVENT_*, but for actions */
    uint32_t flags; /* REPLI_EVENT_AWAY, REPLI__NOTE_OWN */
    const char *subject;
    const char *from;   /* only if the log says this now; NULL: whatever it says */
    const char *value;  /* NULL: no longer there */
    const char *reason; /* or NULL */
} repli__note;

/* The agent did that on its own, and nobody asked for it. Events say so with their cause. */
#define REPLI__NOTE_OWN (1u << 16)

/* The gate: while it is shut, what runs goes on, and of those that wait only kinds that pass are
 * claimed. May one? Called within transactions: must not block nor call the store. */
typedef int (*repli__store_passes_fn)(void *user_data, const char *kind);
/* Before the start. */
void repli__store_gate_init(repli__store *store, int shut, repli__store_passes_fn passes,
                            void *user_data);
/* Shut or open it, remember value under name, and write the event (NULL: none), whose from is what
 * was so before, in one transaction. */
int32_t repli__store_set_gate(repli__store *store, int shut, const char *name, const char *value,
                              const repli__note *event, repli_error *err);
/* Other kinds pass than before. On failure the next transaction that works takes notice. */
void repli__store_gate_changed(repli__store *store);

/* Record the outcome of a step of the running action: phase RUNNING, DONE or FAILED, and for the
 * last two REPLI_ENDED_* (0: that of the phase's own name). payload_json NULL keeps the payload;
 * one that differs gets an entry in the history, which keeps the newest thousand. The end of an
 * action claims the next one. */
int32_t repli__store_advance(repli__store *store, int64_t sequence, int32_t phase, int32_t ended,
                             const char *payload_json, const char *error_json, repli_error *err);

/* Whether a running action of that kind can be asked to end. Within a commit; must not block. */
typedef int (*repli__may_ask_fn)(const void *user_data, const char *kind);
/* NEW to FAILED with error_json. One that runs is asked to end if may_ask (NULL: no) says so, and
 * whoever is told of claims is told; else it is REPLI_ECONFLICT. */
int32_t repli__store_cancel(repli__store *store, const char *id, const char *error_json,
                            repli__may_ask_fn may_ask, const void *user_data, repli_error *err);
/* Not 0 if the running action, of that sequence, was asked to end since it was claimed. */
int repli__store_is_asked(repli__store *store, int64_t sequence);

/* Delete at most limit actions that finished before before_ns; *ret_deleted says how many went. In
 * short transactions, between which others get their turn. */
int32_t repli__store_purge(repli__store *store, int64_t before_ns, uint32_t limit,
                           uint32_t *ret_deleted, repli_error *err);

/* Small facts to be remembered over restarts, such as the cluster id seen last. */
int32_t repli__store_remember(repli__store *store, const char *name, const char *value,
                              repli_error *err);
/* REPLI_ENOTFOUND; ret_value is NUL-terminated in a buffer of size bytes. */
int32_t repli__store_recall(repli__store *store, const char *name, char *ret_value, size_t size,
                            repli_error *err);

/* Events: the log of changes. Those of actions are numbered with the changes above and stand in the
 * actions' records; others are noted. */

enum { REPLI__EVENT_TYPES = REPLI_EVENT_MAINTENANCE + 1, REPLI__EVENTS_MAX = 1000 };

/* Together in one transaction: those that differ from what the log says become events. */
typedef struct repli__notes {
    const repli__note *notes;
    size_t count;
    const char *action_id; /* that ran meanwhile; or NULL */
    const char *action_kind;
    size_t most;      /* of them, so many become events of their own, others are summed up */
    size_t ret_count; /* how many did, or would have */
} repli__notes;

/* Before the start: be told (on the committing thread; must not block nor call the store) that
 * there are new ones. */
void repli__store_on_events(repli__store *store, void (*told)(void *user_data), void *user_data);

int32_t repli__store_note(repli__store *store, repli__notes *notes, repli_error *err);

/* Events after a number, at most REPLI__EVENTS_MAX, without node_id. REPLI_ECONFLICT if that number
 * was never given. */
int32_t repli__store_events(repli__store *store, int64_t after, uint32_t limit, repli_doc **ret_doc,
                            repli_event **ret_events, size_t *ret_count, int64_t *ret_first,
                            repli_error *err);
/* Subjects of a type in their order, after one of them: what the log says is there. At most limit.
 */
int32_t repli__store_subjects(repli__store *store, int32_t type, const char *after, uint32_t limit,
                              repli_doc **ret_doc, const char ***ret_subjects, size_t *ret_count,
                              repli_error *err);
/* Forget events that are older than before_ns or not among the newest that many; a part of them at
 * a time: *ret_more says whether there is another. */
int32_t repli__store_purge_events(repli__store *store, int64_t before_ns, int64_t newest,
                                  int *ret_more, repli_error *err);

/* Questions. */

int32_t repli__store_action(repli__store *store, const char *id, repli_doc **ret_doc,
                            const repli_action **ret_action, repli_error *err);
int32_t repli__store_queue(repli__store *store, repli_doc **ret_doc,
                           const repli_action_summary **ret_summaries, size_t *ret_count,
                           repli_error *err);
/* Newest first; limit 0: all of the last hour, and at least the newest 100. REPLI_ENOTFOUND if
 * before_id is no finished action. */
int32_t repli__store_finished(repli__store *store, uint32_t limit, const char *before_id,
                              repli_doc **ret_doc, const repli_action_summary **ret_summaries,
                              size_t *ret_count, repli_error *err);

enum { REPLI__ENDED_COUNT = REPLI_ENDED_INTERRUPTED + 1 };

typedef struct repli__store_stats {
    uint64_t queued; /* unfinished actions now */
    uint64_t commits;
    uint64_t commit_ns; /* spent in them */
    uint64_t changes;   /* that these commits carried */
    uint64_t errors;
    uint64_t scheduled;                 /* actions accepted since the start */
    uint64_t refused;                   /* for want of room */
    uint64_t ended[REPLI__ENDED_COUNT]; /* actions since the start, by REPLI_ENDED_* */
    int64_t last_event;                 /* its number; 0: there was none */
    uint64_t events[REPLI__EVENT_TYPES];
    uint64_t commit_since_ns; /* monotonic begin of the commit in progress; 0: none */
    int32_t last_code;        /* how the last commit ended that wrote something */
} repli__store_stats;

void repli__store_stats_get(repli__store *store, repli__store_stats *ret_stats);

#endif
