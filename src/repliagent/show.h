#ifndef REPLIAGENT_SHOW_H
#define REPLIAGENT_SHOW_H

#include <stdio.h>

#include <replicante/types.h>

/* The model's records as tables. */

void show_fact(const char *name, const char *value, FILE *to, int colour);
void show_node_facts(const repli_node *node, FILE *to, int colour);
/* Nothing, if there are none. */
void show_attributes(const repli_attribute *attributes, size_t count, FILE *to, int colour);
void show_shard_table(const repli_shards *shards, FILE *to, int colour);
void show_summaries(const repli_action_summary *summaries, size_t count, FILE *to, int colour);
void show_action(const repli_action *action, FILE *to, int colour);

void show_maintenance(const repli_maintenance *maintenance, FILE *to, int colour);

/* To be freed: "4096 bytes", or "-". */
char *show_amount(int64_t value, const char *unit);
/* To be freed: "Primary", or what else the role is. */
char *show_role(const repli_shard *shard);
/* To be freed: "FAILED (timed_out)", or the phase alone if that says how it ended. */
char *show_phase(const repli_action *action);
/* To be freed: what an action that is not finished waits for, or NULL if it does not say. */
char *show_awaited(const repli_action *action);
/* To be freed: what an action's error says. */
char *show_error(const char *error_json);

/* How status and phase of the model look in a table: TABLE_*. */
int show_status_style(int32_t status);
int show_phase_style(int32_t phase);

#endif
