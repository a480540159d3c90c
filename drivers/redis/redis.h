#ifndef REPLI_REDIS_H
#define REPLI_REDIS_H

#include <replicante/driver.h>

#include "config.h"
#include "connection.h"
#include "observe.h"

/* An instance of the driver. */
struct repli__redis {
    const repli_host *host;
    repli__redis_config config;
    int wake[2]; /* a byte in this pipe ends every wait of the call in progress */

    repli__redis_link watch; /* kept between observations */
    repli__redis_observation last;

    /* Known from earlier, when the server is down. Empty: never seen. */
    char version_number[32];
    char version_checkout[48];
    char node_id[REPLI__REDIS_ID_SIZE]; /* cluster mode */
    char member[400];                   /* address for other nodes, as the cluster tells it */
};

/* Fill err and return code; cause may be NULL. */
int32_t repli__redis_fail(const repli__redis *redis, repli_error *err, int32_t code,
                          const char *cause, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int32_t repli__redis_nomem(const repli__redis *redis, repli_error *err);
/* Pass an error on, with "doing: " in front of its message. */
int32_t repli__redis_pass(const repli__redis *redis, repli_error *err, const repli_error *from,
                          const char *doing);
void repli__redis_log(const repli__redis *redis, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
