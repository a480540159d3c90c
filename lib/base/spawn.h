#ifndef REPLI_BASE_SPAWN_H
#define REPLI_BASE_SPAWN_H

#include <sys/types.h>

#include <replicante/driver.h>

#include "base/error.h"

/* What a process is started from. Descriptors are close-on-exec and none of 0, 1 and 2, so that
 * they can be put in the place of those. -1: none. */

/* A file to be read from its beginning that holds the command's input, or nothing. */
int32_t repli__spawn_input(const repli_command *command, int *ret_fd, repli_error *err);
/* The command's output_path, opened for appending; without one what throws everything away. */
int32_t repli__spawn_output(const repli_command *command, int *ret_fd, repli_error *err);
/* Both ends of a pipe, of which the reading one does not block. */
int32_t repli__spawn_pipe(int *ret_read, int *ret_write, repli_error *err);
void repli__spawn_close(int *fd);
/* The same file under a number above 2, which a host may have closed; the old number is closed. */
int repli__spawn_above_standard(int fd);

/* What a command is run with: this process's variables but for those that a service manager tells
 * it alone, and the command's own. A vector to be freed with the default memory; the texts are
 * borrowed. NULL when out of memory. */
char **repli__spawn_environment(const repli_command *command);
/* Why the command cannot be run, by the errno of exec. */
int32_t repli__spawn_explain(const repli_command *command, int failed, repli_error *err);

/* Start the command in a session of its own. The descriptors stay open here. */
int32_t repli__spawn(const repli_command *command, int input, int output, pid_t *ret_pid,
                     repli_error *err);

#endif
