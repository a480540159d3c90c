#ifndef CONFORMANCE_SUBJECT_H
#define CONFORMANCE_SUBJECT_H

#include <replicante/driver.h>

#include "agent/status.h"
#include "conformance/bench.h"
#include "conformance/memory.h"
#include "driver/host.h"
#include "driver/instance.h"
#include "driver/op.h"
#include "driver/sink.h"

/* A driver with an instance open, called without anything between it and whoever looks. */
struct subject {
    struct bench *bench;
    struct memory memory;
    repli__host host;
    repli_driver driver;
    int has_actions;
    void *self;
    size_t descriptors, threads; /* of the process, before it was opened */
};

/* The emit functions. */
enum {
    EMIT_STATUS = 1,
    EMIT_VERSION,
    EMIT_ADDRESS,
    EMIT_ATTRIBUTE,
    EMIT_ATTRIBUTE_NAME,
    EMIT_CLUSTER_ID,
    EMIT_SHARD,
    EMIT_KIND,
    EMIT_OUTCOME
};

/* What a call came to. */
struct subject_answer {
    repli_sink sink; /* first: from it the emit functions find the rest */
    int32_t code;    /* with what the sink has to say */
    int32_t raw;     /* as the driver returned it */
    repli_error error;
    int refused; /* EMIT_*, the first that was; 0: none */
    int late;    /* something was emitted after the call had returned */
    size_t emitted;
    size_t refuse_at; /* number of the emission to refuse; 0: none */
};

/* Only load it. */
int32_t subject_load(const struct bench *bench, repli__driver_table *ret_table, repli_error *err);
/* Load and open. config_json NULL: as configured. On failure the rule that it breaks, if any, is
 * for the caller to fail. */
int32_t subject_open(struct subject *subject, struct bench *bench, const char *config_json,
                     repli_error *err);
/* The same in two parts, between which memory can be made scarce. */
int32_t subject_init(struct subject *subject, struct bench *bench, repli_error *err);
int32_t subject_open_now(struct subject *subject, const char *config_json, repli_error *err);
void subject_close(struct subject *subject);
/* The same, and nothing may be left that was not there before. */
void subject_close_clean(struct subject *subject);
/* Open or fail the rule. 0 if it is open. */
int subject_must_open(struct subject *subject, struct bench *bench, enum rule_id rule);

void subject_answer_init(struct subject_answer *answer, int32_t takes);
/* Ask one of REPLI__ASK_*; judges what every call is judged by. */
void subject_ask(struct subject *subject, int ask, repli_op *op, struct subject_answer *answer);
/* After any other call: the same. */
void subject_conclude(struct subject *subject, const char *method, uint64_t deadline_ns,
                      struct subject_answer *answer);
const char *subject_method(int ask);

/* An observation, as an agent makes it: three calls by one deadline, and what they amount to. */
struct look {
    struct subject_answer answers[REPLI__ASK_COUNT];
    int32_t status;
    char reason[REPLI__REASON_SIZE];
};

void look_take(struct subject *subject, int64_t deadline_ms, struct look *look);
void look_free(struct look *look);

#endif
