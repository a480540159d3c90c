#ifndef REPLIAGENT_COMMANDS_H
#define REPLIAGENT_COMMANDS_H

#include "options.h"

/* Each returns an exit status. */
int cmd_run(const struct options *options);
int cmd_node(const struct options *options);
int cmd_store(const struct options *options);
int cmd_shards(const struct options *options);
int cmd_actions(const struct options *options);
int cmd_action(const struct options *options);
int cmd_schedule(const struct options *options);
int cmd_cancel(const struct options *options);
int cmd_maintenance(const struct options *options);
int cmd_events(const struct options *options);
int cmd_watch(const struct options *options);
int cmd_drivers(const struct options *options);
int cmd_check(const struct options *options);

#endif
