#ifndef REPLICANTE_LOG_H
#define REPLICANTE_LOG_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { REPLI_LOG_ERROR = 1, REPLI_LOG_WARNING = 2, REPLI_LOG_INFO = 3, REPLI_LOG_DEBUG = 4 };

/**
 * Takes the log of an object, such as an agent: level is REPLI_LOG_*, origin names the part that
 * speaks ("store", "driver.postgresql"), message is one line of UTF-8. Called from any thread of
 * the object, never two at once for one object; must not call it. Without one it is silent.
 */
typedef void (*repli_log_fn)(int32_t level, const char *origin, const char *message,
                             void *user_data);

#ifdef __cplusplus
}
#endif

#endif
