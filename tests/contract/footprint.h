#ifndef TESTS_FOOTPRINT_H
#define TESTS_FOOTPRINT_H

#include <stddef.h>

/* What a library could change of a process, as one text, a line a fact: dispositions of signals and
 * the caller's mask, locale, umask, directory, environment, limits, timers, rounding, name and
 * priority of the thread, open descriptors, threads, and children. The caller frees it. */
char *footprint(void);

/* The first line that differs, into text; 0 if there is none. */
int footprint_differs(const char *before, const char *after, char *text, size_t size);

/* What is wrong with the process while a library is at work in it, into text; 0 if nothing: threads
 * that are not in before must hold back all signals but those of their own faults, and descriptors
 * that are not must be closed by exec. */
int footprint_strays(const char *before, char *text, size_t size);

#endif
