#ifndef REPLI_BASE_TEXT_H
#define REPLI_BASE_TEXT_H

#include <stddef.h>

/*
 * Copy text meant for people, from a source that is not trusted to be proper: invalid UTF-8 becomes
 * '?', control characters become spaces, and what does not fit is cut at a character boundary.
 * Returns the length of the NUL-terminated result; size is at least 1.
 */
size_t repli__text_clean(char *to, size_t size, const char *from);

#endif
