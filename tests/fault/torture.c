#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "operation.h"
#include "trap.h"

/*
 * One loop for all operations and all causes: the fallible calls of an operation are counted, and
 * then each of them fails, once alone, and once with all that follow.
 */

typedef struct cause {
    const char *name;
    unsigned kinds;
    int whose;
    int error;
    int passes;       /* the operation gets over it */
    int32_t codes[4]; /* what may be returned instead of REPLI_OK; 0: no more */
} cause;

static const cause causes[] = {
    {"own memory", TRAP_OWN, TRAP_ANYBODY, 0, 0, {REPLI_ENOMEM}},
    /* A thread that there is no memory for is refused as one too many. */
    {"memory", TRAP_MEMORY, TRAP_ANYBODY, 0, 0, {REPLI_ENOMEM, REPLI_EFULL}},
    {"SQLite", TRAP_SQLITE, TRAP_OURS, 0, 0, {REPLI_EIO}},
    {"SQLite without memory", TRAP_SQLITE, TRAP_OURS, SQLITE_NOMEM, 0, {REPLI_ENOMEM}},
    {"SQLite without room", TRAP_SQLITE, TRAP_OURS, SQLITE_FULL, 0, {REPLI_EFULL}},
    {"SQLite locked", TRAP_SQLITE, TRAP_OURS, SQLITE_BUSY, 0, {REPLI_EBUSY}},
    {"the database's file", TRAP_VFS, TRAP_ANYBODY, 0, 0, {REPLI_EIO}},
    {"the database's disk", TRAP_WRITE, TRAP_ANYBODY, SQLITE_FULL, 0, {REPLI_EFULL}},
    {"the database's lock", TRAP_LOCK, TRAP_ANYBODY, SQLITE_BUSY, 0, {REPLI_EBUSY}},
    {"our system call", TRAP_CALL, TRAP_OURS, 0, 0, {REPLI_EIO, REPLI_EFULL, REPLI_EBUSY}},
    /* Some fail for want of memory, which newer libraries pass on. */
    {"their system call",
     TRAP_CALL,
     TRAP_THEIRS,
     0,
     0,
     {REPLI_EIO, REPLI_EFULL, REPLI_EBUSY, REPLI_ENOMEM}},
    {"a signal", TRAP_RETRY, TRAP_OURS, EINTR, 1, {0}},
    {"a signal beneath", TRAP_RETRY, TRAP_THEIRS, EINTR, 1, {0}},
};

enum { CAUSES = sizeof(causes) / sizeof(causes[0]), MOST_CALLS = 20000, MANY = 500, TEXT = 160 };

static const operation *all;

/* Shared with the processes that libcheck forks. */
static struct {
    atomic_size_t pairs;
    atomic_size_t faults;
} * counts;

/* One run. */

typedef struct run {
    const operation *operation;
    const cause *cause;
    size_t at;
    int for_good;
    char what[TEXT];
} run;

static void describe(run *r) {
    snprintf(r->what, sizeof(r->what), "%s, %s, call %zu%s", r->operation->name, r->cause->name,
             r->at, r->for_good ? " and on" : "");
}

static int allowed(const cause *from, int32_t code) {
    for (size_t i = 0; i < sizeof(from->codes) / sizeof(from->codes[0]); i++)
        if (from->codes[i] != 0 && from->codes[i] == code)
            return 1;
    return 0;
}

static void verify(const run *r, world *w) {
    if (r->operation->verify != NULL)
        r->operation->verify(w);
}

static void expect_error(const run *r, const world *w, int32_t code, const repli_error *error) {
    const operation *op = r->operation;
    const int uncoded = (op->flags & OPERATION_UNCODED) != 0;
    ck_assert_msg(uncoded || allowed(r->cause, code) || code == op->also, "%s: %s (%d): %s",
                  r->what, repli_error_name(code), (int)code, error->message);
    ck_assert_msg(error->code == code, "%s: the error says %d, not %d", r->what, (int)error->code,
                  (int)code);
    ck_assert_msg(error->message[0] != '\0', "%s: no message", r->what);
    ck_assert_msg(error->origin[0] != '\0', "%s: no origin: %s", r->what, error->message);
    world_expect_untouched(w, r->what);
}

static void try_again(const run *r, world *w) {
    repli_error error = REPLI_ERROR_INIT;
    world_drop(w, r->operation);
    const int32_t code = r->operation->act(w, &error);
    ck_assert_msg(code == REPLI_OK, "%s, then again: %s (%d): %s", r->what, repli_error_name(code),
                  (int)code, error.message);
    verify(r, w);
}

/* Where calls go by the thousand, what comes after is only looked at now and then. */
static int thorough(const run *r) {
    return r->at < MANY || r->at % 16 == 0;
}

/* Returns the number of calls that could have failed. */
static size_t once(const run *r, size_t *ret_failures) {
    world w;
    world_begin(&w, r->operation);
    if (r->operation->prepare != NULL)
        r->operation->prepare(&w);
    const int where = (r->operation->flags & OPERATION_ELSEWHERE) != 0 ? TRAP_ELSEWHERE : TRAP_HERE;
    trap_set(&(trap_plan){.kinds = r->cause->kinds,
                          .whose = r->cause->whose,
                          .where = where,
                          .at = r->at,
                          .for_good = r->for_good,
                          .error = r->cause->error});
    repli_error error = REPLI_ERROR_INIT;
    trap_enter();
    const int32_t code = r->operation->act(&w, &error);
    trap_leave();
    *ret_failures = trap_clear();
    const size_t calls = trap_count();
    ck_assert_msg(w.wrong == NULL, "%s: not so: %s", r->what, w.wrong);
    if (code == REPLI_OK) {
        ck_assert_msg(error.code == REPLI_OK, "%s: success with an error: %s", r->what,
                      error.message);
        verify(r, &w);
    } else {
        ck_assert_msg(*ret_failures > 0, "%s: failed by itself: %s", r->what, error.message);
        expect_error(r, &w, code, &error);
        if ((r->operation->flags & OPERATION_ONCE) == 0 && thorough(r))
            try_again(r, &w);
    }
    world_drop(&w, r->operation);
    if (w.known_count > 0 && thorough(r))
        world_expect_actions(&w, r->what);
    world_end(&w);
    ck_assert_msg(atomic_load(&w.live) == 0, "%s: %ld pieces of memory are lost", r->what,
                  atomic_load(&w.live));
    return calls;
}

/* What a run must leave as it found it. */

typedef struct belongings {
    long entries[2]; /* descriptors and threads */
    long live;
} belongings;

static long count_entries(const char *path) {
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    long count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static belongings take_stock(void) {
    return (belongings){{count_entries("/proc/self/fd"), count_entries("/proc/self/task")},
                        trap_live()};
}

/* A thread that was joined is still listed for a moment. */
static void expect_same(const belongings *before, const char *what) {
    static const char *const names[] = {"descriptors", "threads"};
    const int64_t end = now_ms() + 5000;
    belongings after = take_stock();
    while (memcmp(&after, before, sizeof(after)) != 0 && now_ms() < end) {
        pause_ms(1);
        after = take_stock();
    }
    for (size_t i = 0; i < 2; i++)
        ck_assert_msg(after.entries[i] == before->entries[i], "%s: %ld %s, then %ld", what,
                      before->entries[i], names[i], after.entries[i]);
    ck_assert_msg(after.live == before->live, "%s: %ld pieces of memory are lost", what,
                  after.live - before->live);
}

/* Returns how many calls failed. */
static size_t run_one(run *r) {
    describe(r);
    const belongings before = take_stock();
    size_t failures;
    once(r, &failures);
    expect_same(&before, r->what);
    return failures;
}

/* FAULT_ONLY="schedule, memory" is how one of them is looked at alone. */
static int is_wanted(const run *r) {
    const char *only = getenv("FAULT_ONLY");
    return (r->operation->spares & r->cause->kinds) == 0 &&
           (only == NULL || strncmp(r->what, only, strlen(only)) == 0);
}

/* Every call, but for where each takes many times as long. */
static size_t stride(void) {
    const char *valgrind = getenv("VALGRIND");
    const char *sanitize = getenv("SANITIZE");
    if (valgrind != NULL && strcmp(valgrind, "1") == 0)
        return 31;
    return sanitize != NULL && *sanitize != '\0' ? 7 : 1;
}

START_TEST(every_call_fails) {
    trap_exempt();
    trap_vfs_register();
    run r = {.operation = &all[_i / CAUSES], .cause = &causes[_i % CAUSES]};
    describe(&r);
    if (!is_wanted(&r))
        return;
    size_t failures;
    once(&r, &failures); /* whatever is made once in a process's life is made now */
    const size_t calls = once(&r, &failures);
    ck_assert_msg(calls < MOST_CALLS, "%s: %zu calls", r.what, calls);
    if (calls > 0)
        atomic_fetch_add(&counts->pairs, 1);
    for (r.for_good = 0; r.for_good <= !r.cause->passes; r.for_good++)
        for (r.at = 1; r.at <= calls; r.at += stride())
            atomic_fetch_add(&counts->faults, run_one(&r) > 0);
}
END_TEST

int torture(const char *name, const operation *operations) {
    all = operations;
    int count = 0;
    while (all[count].name != NULL)
        count++;
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        return EXIT_FAILURE;
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 900);
    tcase_add_loop_test(tcase, every_call_fails, 0, count * CAUSES);
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    printf("%d operations, %zu pairs of operation and cause, %zu faults\n", count,
           atomic_load(&counts->pairs), atomic_load(&counts->faults));
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
