#ifndef REPLI_STORE_INTERNAL_H
#define REPLI_STORE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/worker.h"
#include "store/owner.h"
#include "store/row.h"
#include "store/sql.h"
#include "store/store.h"

/* Shared by the files of this room only. */

typedef struct repli__change repli__change;

/*
 * A change that waits to be committed. Whoever asked for it either sleeps until it is done, with
 * the change in its own frame, or left it on the heap with a function to be called.
 */
struct repli__change {
    repli__change *next;
    /* Before the transaction, and whether that works or not. Or NULL. */
    void (*prepare)(repli__store *store, const repli__change *change);
    /* Within the transaction. Returns a code of SQLite: what is not SQLITE_OK undoes the whole
     * transaction. To refuse this change alone, see repli__refuse(). */
    int (*apply)(repli__store *store, repli__change *change);
    int32_t code;
    repli_error error;

    sem_t wake; /* for who sleeps: posted to make it lead, or when done */
    int lead;
    int done;

    repli__store_done_fn finished; /* not NULL: nobody sleeps, the change is on the heap */
    void *user_data;
    repli__arena arena; /* holds a change that is on the heap */
};

/* What the records say. A transaction changes a draft, which becomes true with its commit. */
typedef struct repli__state {
    int64_t next_seq;
    uint64_t unfinished;
    int64_t running; /* 0: none */
    int64_t asked;   /* the running action, if it was asked to end since it was claimed */
    int claimed;     /* the running action was announced to the executor */
    int shut;        /* the gate is: only kinds that pass may start */
    int64_t looked;  /* of those that wait, none up to this number may start */
    int looks_on;    /* there are more than one transaction looked at */
    /* Wall clock; INT64_MAX: never. Too early does no harm: then one looks again. */
    int64_t release_ns; /* when an action that waits for its time may run */
    int64_t expire_ns;  /* when the deadline of one that waits passes */
    uint64_t scheduled;
    uint64_t refused;
    uint64_t ended[REPLI__ENDED_COUNT]; /* by REPLI_ENDED_* */
    int64_t next_event;
    int64_t first_event;                 /* none before it can be read any more */
    uint64_t events[REPLI__EVENT_TYPES]; /* since the start, by type */
} repli__state;

/* The record of the running action, on its way to the executor. Empty: to be read when taken. */
typedef struct repli__claimed {
    repli_doc *doc; /* owner of row */
    repli__row *row;
} repli__claimed;

enum {
    REPLI__SQL_BEGIN,
    REPLI__SQL_COMMIT,
    REPLI__SQL_ROLLBACK,
    REPLI__SQL_INSERT,
    REPLI__SQL_OLDEST,
    REPLI__SQL_RELEASE,
    REPLI__SQL_NEXT_HELD,
    REPLI__SQL_NEXT_DEADLINE,
    REPLI__SQL_CLAIM,
    REPLI__SQL_ASK,
    REPLI__SQL_NOTE_STEP,
    REPLI__SQL_NOTE_MARK,
    REPLI__SQL_FORGET_STEPS,
    REPLI__SQL_STEP,
    REPLI__SQL_FINISH,
    REPLI__SQL_FIND,
    REPLI__SQL_EXPIRED,
    REPLI__SQL_DELETE_HISTORY,
    REPLI__SQL_DELETE,
    REPLI__SQL_REMEMBER,
    REPLI__SQL_SAID,
    REPLI__SQL_SAY,
    REPLI__SQL_UNSAY,
    REPLI__SQL_NOTE,
    REPLI__SQL_OLD_NOTES,
    REPLI__SQL_OLD_ENDS,
    REPLI__SQL_DELETE_NOTES,
    REPLI__SQL_WRITES
};

enum {
    REPLI__SQL_BY_ID,
    REPLI__SQL_BY_SEQ,
    REPLI__SQL_HISTORY,
    REPLI__SQL_QUEUE,
    REPLI__SQL_FINISHED_PLACE,
    REPLI__SQL_FINISHED,
    REPLI__SQL_RECALL,
    REPLI__SQL_FIRST_EVENT,
    REPLI__SQL_NOTES,
    REPLI__SQL_ENDS,
    REPLI__SQL_NEXT_END,
    REPLI__SQL_RUN,
    REPLI__SQL_PROBE_NEW,
    REPLI__SQL_NEWS,
    REPLI__SQL_SUBJECTS,
    REPLI__SQL_READS
};

extern const char *const repli__sql_writes[REPLI__SQL_WRITES];
extern const char *const repli__sql_reads[REPLI__SQL_READS];

struct repli__store {
    repli__mem mem;
    repli__log *log;
    char *path;
    pid_t pid; /* to know a forked child */
    repli__owner owner;
    int full_sync;
    _Atomic uint64_t queue_limit;
    atomic_int damaged;
    atomic_int damage_told;

    /* Belongs to whoever leads, which busy says somebody does. */
    repli__sql writer;
    sqlite3_stmt *writes[REPLI__SQL_WRITES];
    repli__state draft;
    int64_t now_ns;       /* stamp of the transaction */
    int wal_frames;       /* in the write-ahead log after the last commit */
    int wal_before;       /* and after the one before it */
    int checkpoint_at;    /* frames at which to copy the log to the database next */
    int claims;           /* transactions claim */
    repli__claimed ahead; /* read within the transaction */
    void (*claimed)(void *user_data);
    void *claimed_data;
    repli__store_passes_fn passes; /* set before the start */
    void *passes_data;
    void (*told)(void *user_data); /* of new events; NULL: nobody */
    void *told_data;

    pthread_mutex_t mutex; /* guards what follows */
    int busy;
    repli__change *first;
    repli__change *last;
    repli__state state; /* whoever leads may read it without the mutex */
    int64_t claim;      /* announced and not taken yet; 0: none */
    repli__claimed to_take;
    int64_t stepped; /* the running action, if it may have been stepped already */
    repli__store_stats stats;
    repli__change *finished; /* done, and whoever left them to the writer is to be told */
    int writer_runs;
    int writer_stops;
    int checkpoint_wanted;
    uint64_t probe_ns; /* when to try whether writing works again; UINT64_MAX: it does */

    repli__worker worker; /* the writer */
    repli__sql keeper;    /* the writer's own, for checkpoints */

    pthread_mutex_t read_mutex; /* guards what follows */
    repli__sql reader;
    sqlite3_stmt *reads[REPLI__SQL_READS];
};

/* commit.c: group commit. */

/* Commit a change, together with others, and return how that went. */
int32_t repli__commit(repli__store *store, repli__change *change, repli_error *err);
/* Leave a change that is on the heap to the writer. */
void repli__commit_later(repli__store *store, repli__change *change);
/* Commit what is queued: one batch while the writer runs, else all. Called with the mutex held and
 * while nobody leads, by the writer if it runs. */
void repli__commit_queued(repli__store *store);
/* Tell those whose changes somebody else committed. Called by the writer, with the mutex held. */
void repli__commit_tell_finished(repli__store *store);
/* Refuse a change from within apply, before it wrote anything. Returns SQLITE_OK. */
int repli__refuse(repli__change *change, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* change.c */

/* Write the end of an action. Returns a code of SQLite. */
int repli__change_finish(repli__store *store, int64_t seq, int32_t phase, int32_t outcome,
                         int steps, const char *payload, const char *error);
/* Write into the history that something happened to a running action: REPLI__MARK_*. */
int repli__change_mark(repli__store *store, int64_t seq, int mark);
/* Write a fact down. Returns a code of SQLite. */
int repli__change_remember(repli__store *store, const char *name, const char *value);
/* Write something small, to see whether that works. */
int32_t repli__change_probe(repli__store *store);

/* note.c */

/* Give the next number to an event of a type, within a transaction. */
int64_t repli__event_number(repli__store *store, int32_t type);
/* Write an event, within a transaction. Returns a code of SQLite. */
int repli__event_write(repli__store *store, const repli__notes *notes, const repli__note *note,
                       const char *old_value, int64_t count);
/* Write down, within a transaction, that events before this one are gone. */
int repli__event_forget(repli__store *store, int64_t first_event);
/* Find out which number is next. Returns a code of SQLite. */
int repli__event_load(repli__store *store);

/* damage.c: what is damaged is read as far as that works, and not written any more. */

/* repli__sql_error(), which takes notice of damage. */
int32_t repli__damage_error(repli__store *store, const repli__sql *sql, int code, const char *tried,
                            repli_error *err);
/* Log the damage, once. No mutex is held. */
void repli__damage_tell(repli__store *store);
int repli__damage_seen(const repli__store *store);

/* claim.c */

/* The last part of a transaction: if it leaves nothing running, the oldest runs of those that wait
 * and may start. */
int repli__claim_next(repli__store *store);
/* Before that: let those run whose time has come, and end those whose deadline has passed. */
int repli__timed_apply(repli__store *store);
/* After an insert. */
void repli__timed_note(repli__state *state, int64_t held_ns, int64_t deadline_ns);
/* Read from the database what there is to come. */
int repli__timed_load(repli__store *store, repli__state *state);
/* Monotonic time at which to have a transaction; UINT64_MAX: never. */
uint64_t repli__timed_due_ns(const repli__state *state);
/* Have it. */
void repli__timed_run(repli__store *store);
/* Does a transaction that leads from before to after claim an action? */
int repli__claim_is_new(const repli__state *before, const repli__state *after);
/* Not 0 if an action of that kind may start. */
int repli__claim_passes(const repli__store *store, const char *kind);
/* Tell the executor. Called with the mutex held, by whoever leads. */
void repli__claim_announce(repli__store *store);
/* Something else that concerns the running action. */
void repli__claim_tell(repli__store *store);
void repli__claim_drop(repli__claimed *claimed);

/* writer.c */

int32_t repli__writer_init(repli__store *store, repli_error *err);
/* Called by whoever leads, after a commit: keeps the write-ahead log short. */
void repli__writer_checkpoint(repli__store *store);
/* What a connection needs that writes. */
int32_t repli__writer_settings(repli__sql *sql, int full_sync, repli_error *err);

#endif
