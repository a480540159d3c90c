#ifndef TESTS_ALLDATA_BOX_H
#define TESTS_ALLDATA_BOX_H

#include <stdatomic.h>
#include <stdint.h>

#include <alldata/alldata.h>

/* A storage in a directory of its own, with a clock that the test sets. What goes wrong here fails
 * the test. */

#define BOX_SECOND INT64_C(1000000000)
/* 2026-11-21T01:57:00Z */
#define BOX_THEN (INT64_C(1795226220) * BOX_SECOND)

enum { BOX_CLOSED = 64 };

typedef struct box {
    char directory[96];
    char location[128]; /* below the directory */
    _Atomic int64_t now_ns;
    alldata_storage_options options; /* of the next box_open() */
    alldata_storage *storage;
    char closed[BOX_CLOSED][ALLDATA_INTERVAL_SIZE]; /* in the order in which they were */
    atomic_size_t closed_count;
    char last_log[1024];
} box;

/* A directory; the storage has intervals of five minutes and no thread until the options say
 * otherwise. */
void box_begin(box *b);
void box_end(box *b);

void box_open(box *b);
void box_close(box *b);
/* The code of opening it, which must fail. */
int32_t box_open_badly(box *b, repli_error *err);

/* One event under one key. */
int32_t box_put(box *b, const char *key, const char *event, uint32_t flags, repli_error *err);
/* One that must work. */
void box_store(box *b, const char *key, const char *event);
/* All keys and events of a scan, as "KEY EVENT\n" each. The caller frees it. */
char *box_read(box *b, const alldata_scan_options *options);
/* Dispatch until nothing is due, but for what is to wait. */
void box_dispatch(box *b);

/* The names below a directory in order, with blanks between them, but for hidden ones. */
const char *box_names(const char *directory, char *to, size_t size);

#endif
