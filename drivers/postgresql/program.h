#ifndef REPLI_PG_PROGRAM_H
#define REPLI_PG_PROGRAM_H

#include <stddef.h>

#include "config.h"

/* The path of one of PostgreSQL's programs, of the major version that the data directory has, or
 * else of the given one (0: the newest). Distributions keep them out of PATH. */
int32_t repli__pg_program(const repli__pg *pg, const char *name, int major, char *ret_path,
                          size_t size, repli_error *err);

/* Learn the version from the program that the data directory belongs to, if there is one. */
void repli__pg_program_version(repli__pg *pg, const repli_op *op);

/* Run a short command to its end. words receives what it wrote, as one line. */
int32_t repli__pg_run(const repli__pg *pg, const repli_op *op, const char *const *argv,
                      const char *input, char *words, size_t words_size, int32_t *ret_exit_code,
                      repli_error *err);

/* What is added to the environment of every program that is started. */
extern const char *const repli__pg_environment[];

#endif
