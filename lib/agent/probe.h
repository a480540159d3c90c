#ifndef REPLI_AGENT_PROBE_H
#define REPLI_AGENT_PROBE_H

#include <stdatomic.h>

#include "agent/calls.h"
#include "agent/port.h"
#include "driver/op.h"
#include "driver/sink.h"

/* What a driver is asked in one observation, in this order. */
enum { REPLI__ASK_NODE, REPLI__ASK_STORE, REPLI__ASK_SHARDS, REPLI__ASK_COUNT };

/* "node_info", "store_info", "shards". */
const char *repli__ask_name(int ask);

typedef struct repli__answer {
    repli_sink sink;
    int32_t code;
    repli_error error; /* says why if code is not REPLI_OK */
} repli__answer;

/*
 * One observation: the driver's answers by one deadline. While it runs only the thread that runs it
 * may touch more than op and progress, so that a driver which never returns keeps nothing else.
 */
typedef struct repli__probe {
    repli_op op;
    char running_action[256]; /* what op points to; empty: none */
    repli__port *port;
    repli__calls *calls; /* REPLI__ASK_COUNT of them */
    uint64_t started_ns;
    uint64_t timeout_ns;
    atomic_int progress; /* REPLI__ASK_* that is being asked, or is next */
    repli__answer answers[REPLI__ASK_COUNT];
} repli__probe;

/* Empty answers; port is kept. The caller fills in op.deadline_ns, started_ns and timeout_ns. */
void repli__probe_init(repli__probe *probe, repli__port *port, repli__calls *calls,
                       const repli__mem *mem);
void repli__probe_dispose(repli__probe *probe);

/* Ask the next question; blocks as long as the driver does. Not 0 if it was the last. */
int repli__probe_ask(repli__probe *probe);

#endif
