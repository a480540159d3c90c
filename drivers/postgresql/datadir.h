#ifndef REPLI_PG_DATADIR_H
#define REPLI_PG_DATADIR_H

#include <stddef.h>

#include "config.h"

/* What the configured data directory holds. */
enum {
    REPLI__PG_DATADIR_EMPTY = 1,  /* nothing, or it does not exist */
    REPLI__PG_DATADIR_UNFINISHED, /* what an action of ours began to make and did not finish */
    REPLI__PG_DATADIR_COMPLETE,   /* a data directory */
    REPLI__PG_DATADIR_FOREIGN     /* something else, or it cannot be read */
};

int32_t repli__pg_datadir_state(const repli__pg *pg);
/* The same; without a configured data directory REPLI_EINVALID. */
int32_t repli__pg_datadir_look(const repli__pg *pg, int32_t *ret_state, repli_error *err);

/* The mark that makes the content of the data directory ours to remove. It stands beside it, since
 * the programs that fill a data directory want it empty. */
int32_t repli__pg_datadir_mark(const repli__pg *pg, repli_error *err);
int32_t repli__pg_datadir_unmark(const repli__pg *pg, repli_error *err);
/* Remove the content of a marked data directory; REPLI_ECONFLICT if it is not marked. */
int32_t repli__pg_datadir_empty(const repli__pg *pg, repli_error *err);

/* The system identifier in the control file; ret_text stays as it is if there is none. */
void repli__pg_datadir_identifier(const char *directory, char *ret_text, size_t size);
/* The major version that the directory belongs to; 0 if it has none. */
int repli__pg_datadir_major(const char *directory);

/* One setting; a NULL value takes it away. */
typedef struct repli__pg_setting {
    const char *name;
    const char *value;
} repli__pg_setting;

/* Write settings, after those of the configuration, into postgresql.auto.conf, which is read last
 * and so wins over whatever was copied from another node. Nothing is written if nothing changes;
 * then *ret_changed is 0. */
int32_t repli__pg_datadir_configure(const repli__pg *pg, const repli__pg_setting *settings,
                                    size_t count, int *ret_changed, repli_error *err);

#endif
