#ifndef REPLI_BASE_ERROR_H
#define REPLI_BASE_ERROR_H

#include <replicante/error.h>

/* Fill err (may be NULL) and return code, so that "return repli__error(err, …)" reads well. The
 * message is one line of UTF-8, whatever it quotes: see repli__text_clean(). So is what the others
 * below add. */
int32_t repli__error(repli_error *err, int32_t code, const char *origin, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The failing library's own code, added to what repli__error() filled. */
void repli__error_native(repli_error *err, const char *native);
/* The root cause in its own words, added likewise. */
void repli__error_cause(repli_error *err, const char *cause);

/* Put "WHERE: " before the message that err was filled with, and return code. The rest stays. */
int32_t repli__error_within(repli_error *err, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory while doing what (a few words). Needs no memory. */
int32_t repli__error_nomem(repli_error *err, const char *origin, const char *what);

/* What REPLI_ERROR_INIT does, but for the texts' hundreds of bytes behind their first: for one that
 * is made for each of very many calls and mostly not needed. */
void repli__error_init(repli_error *err);

/* Copy from to err (may be NULL), minding both sizes; returns the code. */
int32_t repli__error_copy(repli_error *err, const repli_error *from);

#endif
