#ifndef ALLDATA_MOMENT_H
#define ALLDATA_MOMENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Times in UTC as they are written in keys and in the names of intervals, by arithmetic alone: what
 * time zone the process is in, and what its C library knows of it, does not matter.
 */

enum { ALLDATA__SECOND_LENGTH = 15 }; /* YYYYMMDDThhmmss */

/* Seconds since 1970, of years 0 to 9999, as YYYYMMDDThhmmss without a NUL. */
void alldata__moment_write(int64_t second, char to[ALLDATA__SECOND_LENGTH]);
/* The other way round. Returns 0 if this is no date and time of day. */
int alldata__moment_read(const char text[ALLDATA__SECOND_LENGTH], int64_t *ret_second);

/* The last count digits of number. */
void alldata__digits_write(uint64_t number, int count, char *to);
/* count digits as a number; -1 if something else is among them. */
int64_t alldata__digits_read(const char *text, int count);

#endif
