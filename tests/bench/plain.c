#include "plain.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "store/internal.h"
#include "store/row.h"
#include "store/schema.h"

enum { ARGS_SIZE = 400 };

char plain_args[ARGS_SIZE + 1];

void plain_setup(void) {
    memset(plain_args, 'x', ARGS_SIZE);
    plain_args[0] = plain_args[ARGS_SIZE - 1] = '"';
}

void plain_remove(const char *path) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-owner", "-journal"};
    char file[640];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
}

static void need(const plain *it, int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return;
    fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(it->db));
    exit(1);
}

static void execute(const plain *it, sqlite3_stmt *statement) {
    need(it, sqlite3_step(statement));
    need(it, sqlite3_reset(statement));
}

static sqlite3_stmt *prepare(const plain *it, const char *sql) {
    sqlite3_stmt *statement;
    need(it, sqlite3_prepare_v3(it->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
    return statement;
}

void plain_open(plain *it, const char *path) {
    plain_remove(path);
    it->seq = 0;
    it->event = 0;
    need(it,
         sqlite3_open_v2(path, &it->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    need(it, sqlite3_exec(it->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL,
                          NULL));
    for (size_t i = 0; i < repli__schema_step_count; i++)
        need(it, sqlite3_exec(it->db, repli__schema_steps[i], NULL, NULL, NULL));
    it->begin = prepare(it, "BEGIN IMMEDIATE");
    it->commit = prepare(it, "COMMIT");
    it->insert = prepare(it, repli__sql_writes[REPLI__SQL_INSERT]);
    it->claim = prepare(it, repli__sql_writes[REPLI__SQL_CLAIM]);
    it->finish = prepare(it, repli__sql_writes[REPLI__SQL_FINISH]);
}

void plain_close(plain *it) {
    sqlite3_finalize(it->begin);
    sqlite3_finalize(it->commit);
    sqlite3_finalize(it->insert);
    sqlite3_finalize(it->claim);
    sqlite3_finalize(it->finish);
    sqlite3_close(it->db);
}

void plain_begin(plain *it) {
    execute(it, it->begin);
}

void plain_commit(plain *it) {
    execute(it, it->commit);
}

static void insert_id(plain *it, const unsigned char id[REPLI__ID_SIZE], int32_t phase) {
    const int64_t now = repli__wall_ns();
    sqlite3_bind_int64(it->insert, 1, ++it->seq);
    sqlite3_bind_blob(it->insert, 2, id, REPLI__ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_int(it->insert, 3, phase);
    sqlite3_bind_int64(it->insert, 4, now);
    sqlite3_bind_int64(it->insert, 5, now);
    if (phase == REPLI_PHASE_RUNNING)
        sqlite3_bind_int64(it->insert, 6, now);
    else
        sqlite3_bind_null(it->insert, 6);
    sqlite3_bind_text(it->insert, 7, "example.com/work", -1, SQLITE_STATIC);
    sqlite3_bind_text(it->insert, 8, "AGENT_API", -1, SQLITE_STATIC);
    sqlite3_bind_null(it->insert, 9);
    sqlite3_bind_text(it->insert, 10, plain_args, -1, SQLITE_STATIC);
    for (int limit = 11; limit <= 13; limit++)
        sqlite3_bind_null(it->insert, limit);
    sqlite3_bind_int64(it->insert, 14, ++it->event);
    sqlite3_bind_int64(it->insert, 15, phase == REPLI_PHASE_RUNNING ? ++it->event : 0);
    execute(it, it->insert);
}

static void make_id(unsigned char ret_id[REPLI__ID_SIZE]) {
    char text[REPLI_UUID_SIZE];
    repli_uuid_generate(text, NULL);
    repli__id_parse(text, ret_id);
}

void plain_insert(plain *it, int32_t phase) {
    unsigned char id[REPLI__ID_SIZE];
    make_id(id);
    insert_id(it, id, phase);
}

void plain_claim(plain *it, int64_t seq) {
    sqlite3_bind_int64(it->claim, 1, seq);
    sqlite3_bind_int(it->claim, 2, REPLI_PHASE_RUNNING);
    sqlite3_bind_int64(it->claim, 3, repli__wall_ns());
    sqlite3_bind_int64(it->claim, 4, ++it->event);
    execute(it, it->claim);
}

void plain_finish(plain *it, int64_t seq) {
    sqlite3_bind_int64(it->finish, 1, seq);
    sqlite3_bind_int(it->finish, 2, REPLI_PHASE_DONE);
    sqlite3_bind_int(it->finish, 3, 1);
    sqlite3_bind_null(it->finish, 4);
    sqlite3_bind_null(it->finish, 5);
    sqlite3_bind_int64(it->finish, 6, repli__wall_ns());
    sqlite3_bind_int(it->finish, 7, REPLI_ENDED_DONE);
    sqlite3_bind_int64(it->finish, 8, ++it->event);
    execute(it, it->finish);
}

void plain_fill(plain *it, uint64_t count) {
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%zu",
             REPLI__SCHEMA_APPLICATION_ID, repli__schema_step_count);
    need(it, sqlite3_exec(it->db, sql, NULL, NULL, NULL));
    need(it, sqlite3_exec(it->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL));
    plain_begin(it);
    for (uint64_t i = 1; i <= count; i++) {
        plain_insert(it, REPLI_PHASE_NEW);
        plain_finish(it, it->seq);
        if (i % 10000 == 0) {
            plain_commit(it);
            plain_begin(it);
        }
    }
    plain_commit(it);
    need(it, sqlite3_exec(it->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
    /* What follows shall not wait for these writes. */
    const int fd = open(sqlite3_db_filename(it->db, NULL), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        perror("fsync");
    close(fd);
}

static double rate(uint64_t count, uint64_t since_ns) {
    return (double)count * 1e9 / (double)(repli__mono_ns() - since_ns);
}

double plain_schedules(plain *it, int rows, uint64_t until_ns) {
    const uint64_t since = repli__mono_ns();
    uint64_t count = 0;
    while (repli__mono_ns() < until_ns) {
        if (rows > 1)
            plain_begin(it);
        for (int i = 0; i < rows; i++)
            plain_insert(it, REPLI_PHASE_NEW);
        if (rows > 1)
            plain_commit(it);
        count += (uint64_t)rows;
    }
    return rate(count, since);
}

typedef struct ticket {
    struct ticket *next;
    pthread_cond_t done_cond;
    int done;
    unsigned char id[REPLI__ID_SIZE];
} ticket;

typedef struct group {
    plain *it;
    uint64_t until_ns;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    ticket *tickets;
    int ends;
    uint64_t count;
} group;

static void *submit(void *argument) {
    group *all = argument;
    ticket mine = {.done_cond = PTHREAD_COND_INITIALIZER};
    while (repli__mono_ns() < all->until_ns) {
        make_id(mine.id);
        mine.done = 0;
        pthread_mutex_lock(&all->mutex);
        mine.next = all->tickets;
        all->tickets = &mine;
        pthread_cond_signal(&all->wake);
        while (!mine.done)
            pthread_cond_wait(&mine.done_cond, &all->mutex);
        pthread_mutex_unlock(&all->mutex);
    }
    return NULL;
}

static void *write_groups(void *argument) {
    group *all = argument;
    pthread_mutex_lock(&all->mutex);
    for (;;) {
        while (all->tickets == NULL && !all->ends)
            pthread_cond_wait(&all->wake, &all->mutex);
        ticket *batch = all->tickets;
        all->tickets = NULL;
        if (batch == NULL)
            break;
        pthread_mutex_unlock(&all->mutex);
        plain_begin(all->it);
        for (const ticket *next = batch; next != NULL; next = next->next)
            insert_id(all->it, next->id, REPLI_PHASE_NEW);
        plain_commit(all->it);
        pthread_mutex_lock(&all->mutex);
        while (batch != NULL) {
            ticket *done = batch;
            batch = batch->next;
            done->done = 1;
            all->count++;
            pthread_cond_signal(&done->done_cond);
        }
    }
    pthread_mutex_unlock(&all->mutex);
    return NULL;
}

double plain_group(plain *it, int threads, uint64_t until_ns) {
    group all = {.it = it,
                 .until_ns = until_ns,
                 .mutex = PTHREAD_MUTEX_INITIALIZER,
                 .wake = PTHREAD_COND_INITIALIZER};
    pthread_t writer;
    pthread_t submitters[64];
    const uint64_t since = repli__mono_ns();
    pthread_create(&writer, NULL, write_groups, &all);
    for (int i = 0; i < threads; i++)
        pthread_create(&submitters[i], NULL, submit, &all);
    for (int i = 0; i < threads; i++)
        pthread_join(submitters[i], NULL);
    const double schedules = rate(all.count, since);
    pthread_mutex_lock(&all.mutex);
    all.ends = 1;
    pthread_cond_signal(&all.wake);
    pthread_mutex_unlock(&all.mutex);
    pthread_join(writer, NULL);
    return schedules;
}

double plain_actions(plain *it, uint64_t until_ns) {
    const uint64_t since = repli__mono_ns();
    uint64_t count = 0;
    while (repli__mono_ns() < until_ns) {
        plain_insert(it, REPLI_PHASE_RUNNING);
        plain_finish(it, it->seq);
        count++;
    }
    return rate(count, since);
}

double plain_drain(plain *it, uint64_t count) {
    const int64_t first = it->seq + 1;
    plain_begin(it);
    for (uint64_t i = 0; i < count; i++)
        plain_insert(it, REPLI_PHASE_NEW);
    plain_commit(it);
    const uint64_t since = repli__mono_ns();
    for (int64_t seq = first; seq <= it->seq; seq++) {
        plain_begin(it);
        plain_finish(it, seq);
        if (seq < it->seq)
            plain_claim(it, seq + 1);
        plain_commit(it);
    }
    return rate(count, since);
}
