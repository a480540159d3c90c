#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <stddef.h>

/* A file under tests/golden as it is; the caller frees it. Fails the test if it cannot be read. */
char *golden_read(const char *name);

/* The same without the white space between its tokens, which is there for people. */
char *golden_read_compact(const char *name);

#endif
