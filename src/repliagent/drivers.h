#ifndef REPLIAGENT_DRIVERS_H
#define REPLIAGENT_DRIVERS_H

#include <stddef.h>

#include <replicante/agent.h>

/* A file of the driver directory; driver is NULL if it cannot be used. */
struct driver_file {
    char *name, *path;
    repli_config *config; /* owner of driver */
    const repli_driver *driver;
    repli_error error;
};

/* Print those that can be used. */
void drivers_show_all(const struct driver_file *files, size_t count, int colour);
/* Print one with its settings in full. */
void drivers_show_one(const struct driver_file *file, int colour);
/* Print all, those that cannot be used with the reason. */
void drivers_print_json(const struct driver_file *files, size_t count);

#endif
