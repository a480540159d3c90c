#ifndef TESTS_PLAIN_H
#define TESTS_PLAIN_H

#include <stdint.h>

#include <sqlite3.h>

/*
 * What the store is measured against: SQLite used directly, with the same schema, statements,
 * records and settings, and nothing around it. Ends the program when something fails.
 */
typedef struct plain {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *insert, *claim, *finish;
    int64_t seq; /* of the record inserted last */
    int64_t event; /* the number given last */
} plain;

extern char plain_args[];

void plain_setup(void);
void plain_remove(const char *path);
void plain_open(plain *it, const char *path);
void plain_close(plain *it);

void plain_begin(plain *it);
void plain_commit(plain *it);
/* phase: REPLI_PHASE_NEW or REPLI_PHASE_RUNNING. */
void plain_insert(plain *it, int32_t phase);
void plain_claim(plain *it, int64_t seq);
void plain_finish(plain *it, int64_t seq);
/* Insert that many finished actions, and mark the database as one of the store's. */
void plain_fill(plain *it, uint64_t count);

/* Records a second, rows of them a commit, until the monotonic time until_ns. */
double plain_schedules(plain *it, int rows, uint64_t until_ns);
/* The same with threads that each wait for their record, and one writer thread that commits all
 * that wait at once. */
double plain_group(plain *it, int threads, uint64_t until_ns);
/* Whole actions a second, one after the other. */
double plain_actions(plain *it, uint64_t until_ns);
/* Insert that many, then execute them; actions a second of the latter. */
double plain_drain(plain *it, uint64_t count);

#endif
