#ifndef REPLI_BASE_UTF8_H
#define REPLI_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character that text begins with, 1 to 4, and the character itself in *ret_c
 * (may be NULL). 0 if there is no valid one within size bytes: overlong forms, surrogates and what
 * lies beyond U+10FFFF are not valid. */
size_t repli__utf8_next(const char *text, size_t size, uint32_t *ret_c);

/* Offset of the first byte that is not valid UTF-8; size if all is. */
size_t repli__utf8_check(const char *text, size_t size);

/* Where to cut text of size bytes so that no character is cut in half: size, or up to 3 less. */
size_t repli__utf8_cut(const char *text, size_t size);

/* C0, DEL and C1: what makes a terminal do things. */
int repli__utf8_is_control(uint32_t c);

/* Put '?' for every byte of text that is no part of a printable character. */
void repli__utf8_clean(char *text);

enum { REPLI__QUOTE_SIZE = 72 };

/* Text from outside made fit for a message: in quotes, what is no printable UTF-8 as '?', cut with
 * "..." if it is long. NULL becomes "nothing". Returns to. */
const char *repli__utf8_quote(char to[REPLI__QUOTE_SIZE], const char *text);

#endif
