#ifndef REPLI_PG_SERVICE_H
#define REPLI_PG_SERVICE_H

#include "config.h"

/*
 * Starting and stopping the server: by the configured commands, else through systemd, else by
 * pg_ctl. None of these waits for the effect, which is to be looked for.
 */

enum {
    REPLI__PG_SERVICE_STOPPED = 1,
    REPLI__PG_SERVICE_RUNNING, /* there is a process, whatever it answers */
    REPLI__PG_SERVICE_UNKNOWN  /* nothing is configured by which to tell */
};

int32_t repli__pg_service_state(const repli__pg *pg, const repli_op *op, int32_t *ret_state,
                                repli_error *err);
int32_t repli__pg_service_start(const repli__pg *pg, const repli_op *op, repli_error *err);
int32_t repli__pg_service_stop(const repli__pg *pg, const repli_op *op, repli_error *err);
/* Let the running server read its settings again. */
int32_t repli__pg_service_reload(const repli__pg *pg, const repli_op *op, repli_error *err);
/* Not 0 if there is a way to restart in one go; otherwise stop and start. */
int repli__pg_service_restarts(const repli__pg *pg);
int32_t repli__pg_service_restart(const repli__pg *pg, const repli_op *op, repli_error *err);

/* The end of the server's log, if this agent started it; else empty. */
void repli__pg_service_words(const repli__pg *pg, char *ret_text, size_t size);

#endif
