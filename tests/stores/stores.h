#ifndef TESTS_STORES_STORES_H
#define TESTS_STORES_STORES_H

#include <check.h>
#include <stdint.h>

#include <replicante/agent.h>

/*
 * What tests of drivers on real servers have in common, whatever the store. Everything here fails
 * the running test if something goes wrong.
 */

/* A shell command; its output, without the last newline, lives until the next call. */
const char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Stop it as a host that ends would; its record of actions stays. */
void agent_stop(repli_agent *agent);

/* The latest snapshot, as a client gets it. Give it back, as all of them. */
repli_snapshot *latest(repli_agent *agent);
/* A snapshot that was begun now. */
repli_snapshot *look(repli_agent *agent);
/* Look until the status is that one. */
repli_snapshot *look_for(repli_agent *agent, int32_t status, int seconds);
/* Look, and expect that status and text in its reason (NULL: no matter). */
void assert_status(repli_agent *agent, int32_t status, const char *reason);
/* The one shard, or NULL. */
const repli_shard *shard_of(const repli_snapshot *snapshot);
/* An attribute of the store or, if it has none such, of the node; NULL. name without its domain. */
const repli_attribute *attribute_of(const repli_snapshot *snapshot, const char *name);
void assert_attribute(const repli_snapshot *snapshot, const char *name, const char *text);
/* The reason of the status must contain text. */
void assert_reason(const repli_snapshot *snapshot, const char *text);

/* Schedule; the id lives until the next call. */
const char *schedule(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of one that is to end within milliseconds. */
const char *schedule_within(repli_agent *agent, int milliseconds, const char *kind,
                            const char *args_format, ...) __attribute__((format(printf, 4, 5)));
/* Wait until it is FAILED with that REPLI_ENDED_*; the error lives until the next call. */
const char *must_end(repli_agent *agent, const char *id, int32_t outcome);
/* Wait until it is finished; the caller frees *ret_doc. */
const repli_action *finish(repli_agent *agent, const char *id, int seconds, repli_doc **ret_doc);
/* What it would do, as JSON that lives until the next call; the servers must be as they were. */
const char *must_plan(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of one that is refused; the error. */
const char *must_not_plan(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* Plan, which must work and change nothing, then schedule, wait and expect it to be DONE; the
 * payload lives until the next call. */
const char *must_do(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for FAILED; the error. */
const char *must_fail(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The next change of a role after an event, which must come. Its texts live until the next call. */
repli_event role_after(repli_agent *agent, int64_t after);

void assert_contains(const char *text, const char *part);
int64_t now_ms(void);
void pause_ms(int milliseconds);

#endif
