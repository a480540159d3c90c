#ifndef FAULT_OPERATION_H
#define FAULT_OPERATION_H

#include <stdatomic.h>
#include <stddef.h>

#include <check.h>

#include <alldata/alldata.h>
#include <replicante/http.h>

/*
 * An operation of the library, and what must be true of it however its calls fail. It is prepared,
 * done and cleaned up after anew for each call that fails; see torture.c.
 */

enum { WORLD_IDS = 8 };

/* What an operation works on, and what it returned. */
typedef struct world {
    const void *argument;   /* of the operation */
    repli_allocator memory; /* of the configuration, and so of its agents */
    atomic_long live;       /* pieces of it that were not given back */
    char directory[64];
    char database[96];
    repli_config *config;
    repli_agent *agent;
    repli_http_server *server;
    alldata_storage *events;
    alldata_scan *scan;
    char known[WORLD_IDS][REPLI_UUID_SIZE]; /* actions that were acknowledged */
    size_t known_count;
    char *json; /* of a golden file, and the record in it */
    repli_doc *source_doc;
    const void *source;
    size_t source_count;

    /* Returned. A failure leaves all of it as it was. */
    repli_buf text;
    repli_doc *doc;
    const void *record;
    size_t count;
    char id[REPLI_UUID_SIZE];
    void *made; /* given back by the operation's drop() */

    const char *wrong; /* what act() found, where libcheck has no memory to say so; or NULL */
} world;

/* For act(), instead of libcheck's. */
#define EXPECT(w, expression)                                                                      \
    do {                                                                                           \
        if (!(expression))                                                                         \
            (w)->wrong = #expression;                                                              \
    } while (0)

enum {
    OPERATION_ONCE = 1 << 0,      /* cannot be tried again on the same objects */
    OPERATION_ELSEWHERE = 1 << 1, /* calls fail in the agent's threads, not in the caller's */
    OPERATION_UNCODED = 1 << 2    /* its answer has no code of the library's */
};

typedef struct operation {
    const char *name;
    const char *functions; /* exported ones that act() calls, with blanks between them */
    unsigned flags;
    unsigned spares; /* TRAP_*: what does not fail, since it would take too long or tell nothing */
    int32_t also;    /* another code that its manual page tells of; or 0 */
    const void *argument;      /* for act() and verify(), in the world */
    void (*prepare)(world *w); /* or NULL */
    int32_t (*act)(world *w, repli_error *err);
    void (*verify)(world *w); /* after REPLI_OK; or NULL */
    void (*drop)(void *made); /* or NULL */
} operation;

/* Every operation there is, by header. Each list ends with one that has no name. */
extern const operation model_operations[];
extern const operation config_operations[];
extern const operation agent_operations[];
extern const operation running_operations[];
extern const operation driven_operations[];
extern const operation http_operations[];
extern const operation alldata_operations[];
extern const operation alldata_node_operations[];
extern const operation alldata_http_operations[];

/* A suite in which every call of these operations fails; the exit status of the program. */
int torture(const char *name, const operation *operations);

/* world.c: what operations are prepared with. */

void world_begin(world *w, const operation *op);
/* Forget what was returned. */
void world_drop(world *w, const operation *op);
void world_end(world *w);
#ifdef WITH_ALLDATA
void world_end_alldata(world *w);
#endif
/* A failure left everything that is returned as it was. */
void world_expect_untouched(const world *w, const char *what);
/* The database is sound, has what was acknowledged and nothing else, and an agent opens it. */
void world_expect_actions(world *w, const char *what);

void world_config(world *w);
/* An agent that is not started, with three actions that wait. */
void world_agent(world *w);
/* The same, running; its actions are done, and the node was observed. */
void world_running(world *w);

/* From now on the action is to be found. */
void world_acknowledge(world *w, const char *id);
/* Schedule an action that must be acknowledged. */
void world_schedule(world *w, const char *kind, const char *args);
int32_t world_phase(const world *w, const char *id);
/* There is one. */
void world_expect_action(const world *w, const char *id);
void world_await_done(world *w, const char *id);

void pause_ms(long ms);
int64_t now_ms(void);

#endif
