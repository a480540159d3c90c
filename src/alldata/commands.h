#ifndef ALLDATA_COMMANDS_H
#define ALLDATA_COMMANDS_H

#include "options.h"

/* Each returns an exit status. */
int cmd_serve(const struct options *options);
int cmd_put(const struct options *options);
int cmd_scan(const struct options *options);
int cmd_status(const struct options *options);
int cmd_peers(const struct options *options);
int cmd_intervals(const struct options *options);
int cmd_repair(const struct options *options);
int cmd_export(const struct options *options);

#endif
