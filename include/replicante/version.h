#ifndef REPLICANTE_VERSION_H
#define REPLICANTE_VERSION_H

#include <stdint.h>

/**
 * Three numbers, kept apart: the release (below, semantic versioning), the SONAME of the shared
 * library (changes only when the ABI breaks) and REPLI_DRIVER_ABI (driver.h).
 */
#define REPLI_VERSION_MAJOR 0
#define REPLI_VERSION_MINOR 1
#define REPLI_VERSION_PATCH 0
#define REPLI_VERSION_STRING "0.1.0"

/** MAJOR * 1000000 + MINOR * 1000 + PATCH, for comparisons by the preprocessor. */
#define REPLI_VERSION_NUMBER                                                                       \
    (REPLI_VERSION_MAJOR * 1000000 + REPLI_VERSION_MINOR * 1000 + REPLI_VERSION_PATCH)

#if defined(__GNUC__)
#define REPLI_API __attribute__((visibility("default")))
#else
#define REPLI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Release of the library in use at run time, as "MAJOR.MINOR.PATCH". Static text. Thread-safe. */
REPLI_API const char *repli_version(void);

/** Release of the library in use at run time, as REPLI_VERSION_NUMBER. Thread-safe. */
REPLI_API int32_t repli_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
