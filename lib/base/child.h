#ifndef REPLI_BASE_CHILD_H
#define REPLI_BASE_CHILD_H

#include <replicante/driver.h>

#include "base/error.h"

/*
 * Commands that are found again by whoever comes after a crash, and of which it can be told whether
 * they ever ran. A file tells: it begins with who the process is, which is written before the
 * process may do anything, goes on with a mark that the process itself makes just before it becomes
 * the command, and then has what the command writes.
 *
 *     PID START_TIME BOOT_ID NAME
 *     runs (once its exit code is known: x and three digits)
 *     output…
 */

/* Run a command; name, of a few words, says for whom. If durable the file also survives a power
 * cut. An old file at path is replaced, so look first whether it is of any use. */
int32_t repli__child_start(const char *path, const char *name, const repli_command *command,
                           int durable, repli_process *ret_process, repli_error *err);
/*
 * Find a command again. REPLI_ENOTFOUND: the command of this file never ran and never will.
 * Otherwise *ret_process is the process: RUNNING (it runs, or is about to), EXITED, whose exit code
 * the file then keeps, or GONE.
 */
int32_t repli__child_find(const char *path, repli_process *ret_process, repli_error *err);
/* For whom it was started; empty if the file does not say. */
void repli__child_name(const char *path, char *ret_name, size_t size);
/* The end of what it wrote, NUL-terminated; 0 bytes if there is nothing or it cannot be read.
 * Returns how many bytes it wrote in all. */
size_t repli__child_output(const char *path, char *ret_text, size_t size);
/* Throw away what it wrote. */
void repli__child_drop_output(const char *path);

#endif
