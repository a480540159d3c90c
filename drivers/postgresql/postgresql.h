#ifndef REPLI_PG_H
#define REPLI_PG_H

#include <libpq-fe.h>

#include <replicante/driver.h>

#include "config.h"
#include "connection.h"
#include "observe.h"

/* An instance of the driver. */
struct repli__pg {
    const repli_host *host;
    repli__pg_config config;
    int wake[2]; /* a byte in this pipe ends every wait of the call in progress */

    repli__pg_link watch; /* the monitoring account's connection, kept between observations */
    repli__pg_observation last;

    /* Identity of the server, as seen last: still known when it is down. Empty: never seen. */
    char system_identifier[24];
    char version_number[24];
    char version_text[128];
    int version_asked; /* of the program on disk */

    struct repli__pg_plan *plan; /* while an action is only told; else NULL */
};

/* Fill err and return code. The message is one line of clean UTF-8; cause may be NULL. */
int32_t repli__pg_fail(const repli__pg *pg, repli_error *err, int32_t code, const char *cause,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same with the failing side's own code. */
int32_t repli__pg_fail_native(const repli__pg *pg, repli_error *err, int32_t code,
                              const char *native, const char *cause, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
int32_t repli__pg_nomem(const repli__pg *pg, repli_error *err);
/* Pass an error on, with "doing: " in front of its message. */
int32_t repli__pg_pass(const repli__pg *pg, repli_error *err, const repli_error *from,
                       const char *doing);
void repli__pg_log(const repli__pg *pg, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
