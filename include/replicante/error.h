#ifndef REPLICANTE_ERROR_H
#define REPLICANTE_ERROR_H

#include <stdint.h>

#include <replicante/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Result codes. Functions that can fail return REPLI_OK or one of these negative numbers. Numbers
 * are never reused; unknown ones are to be treated as REPLI_EINTERNAL.
 *
 * The first group classifies what a datastore did. A driver maps its client library's errors to
 * them and never to text, because the library derives the node status from the class:
 * REFUSED, TIMEOUT and LOST mean Unavailable, NOTREADY means Unhealthy, the others Unknown.
 */
enum {
    REPLI_OK = 0,

    REPLI_EREFUSED = -1,    /**< nobody listens there, or the host cannot be reached */
    REPLI_ETIMEOUT = -2,    /**< no answer by the deadline; the effect is unknown */
    REPLI_ELOST = -3,       /**< the connection broke after it stood */
    REPLI_EAUTH = -4,       /**< credentials were refused */
    REPLI_EPERMISSION = -5, /**< known to the store, but not allowed to do this */
    REPLI_ENOTREADY = -6,   /**< answers, but is starting, loading or shutting down */
    REPLI_EPROTOCOL = -7,   /**< answered something that makes no sense */
    REPLI_ENOTFOUND = -8,   /**< the thing asked for does not exist */
    REPLI_EDONE = -9,       /**< there was nothing left to do */
    REPLI_ECONFLICT = -10,  /**< contradicts what exists, such as an id used twice */
    REPLI_ENOQUORUM = -11,  /**< too few members of the cluster answer */
    REPLI_ENOTLEADER = -12, /**< must be asked of another node */
    REPLI_EINVALID = -13,   /**< an argument or a record is wrong; the message says which and why */
    REPLI_EINTERNAL = -14,  /**< a bug, or a state that should not exist */

    REPLI_ENOMEM = -20,     /**< out of memory; nothing was changed */
    REPLI_ENOTSUP = -21,    /**< this driver, build or platform cannot do that */
    REPLI_ECANCELLED = -22, /**< stopped on request */
    REPLI_EBUSY = -23,      /**< in use by another process or call */
    REPLI_EFULL = -24,      /**< a configured limit or the disk is full */
    REPLI_EIO = -25,        /**< a file, socket or database failed */
    REPLI_ECORRUPT = -26,   /**< stored data is damaged */
    REPLI_EABI = -27,       /**< driver and library do not fit together */
    REPLI_ESTATE = -28,     /**< called at the wrong time, such as after stop */
    REPLI_EFORK = -29       /**< called in a forked child */
};

#define REPLI_ERROR_MESSAGE_SIZE 512
#define REPLI_ERROR_CAUSE_SIZE 256

/**
 * What went wrong, in plain data: nothing to free, valid after the object or driver that filled it
 * is gone. Always optional: every function that takes one accepts NULL. Filled on failure,
 * untouched on success. Use REPLI_ERROR_INIT.
 */
typedef struct repli_error {
    uint32_t struct_size; /**< sizeof(repli_error) as the caller knows it */
    int32_t code;         /**< REPLI_E* */
    char origin[32];      /**< part that failed, such as "store" or "driver.postgresql" */
    char native[32];      /**< the failing library's own code, such as an SQLSTATE; may be empty */
    /** What was tried, on what, why it failed, what to do. UTF-8, NUL-terminated. */
    char message[REPLI_ERROR_MESSAGE_SIZE];
    /** The root cause in its own words where it differs from message; may be empty. */
    char cause[REPLI_ERROR_CAUSE_SIZE];
} repli_error;

#define REPLI_ERROR_INIT                                                                           \
    {                                                                                              \
        (uint32_t)sizeof(repli_error), 0, {0}, {0}, {0}, {                                         \
            0                                                                                      \
        }                                                                                          \
    }

/** Short stable name of a code, such as "timeout" for REPLI_ETIMEOUT; "unknown" for others.
 *  Static text. Thread-safe. */
REPLI_API const char *repli_error_name(int32_t code);

/** Make an error look as if nothing had happened. err may be NULL. Thread-safe. */
REPLI_API void repli_error_clear(repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
