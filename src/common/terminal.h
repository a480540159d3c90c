#ifndef COMMON_TERMINAL_H
#define COMMON_TERMINAL_H

#include <stddef.h>

#define TERMINAL_PLAIN "\033[0m"
#define TERMINAL_BOLD "\033[1m"
#define TERMINAL_DIM "\033[2m"
#define TERMINAL_RED "\033[31m"
#define TERMINAL_GREEN "\033[32m"
#define TERMINAL_YELLOW "\033[33m"
#define TERMINAL_CLEAR_LINE "\r\033[K"

/* Not 0 if fd is a terminal that may be coloured: NO_COLOR is empty or not set. */
int terminal_colour(int fd);
/* Columns of the terminal at fd; 80 if that is not known. */
size_t terminal_columns(int fd);
/* Bytes of the UTF-8 character at text; 0 if it is none. */
size_t terminal_character(const char *text);
/* Put '?' for what is no UTF-8, or a control character: text from outside must not take over the
 * terminal. */
void terminal_clean(char *text);
/* Characters that text takes up. */
size_t terminal_width(const char *text);
/* Cut text after that many. */
void terminal_cut(char *text, size_t width);

#endif
