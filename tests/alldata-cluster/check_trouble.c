/* run.sh timeout: 300 */
/* run.sh takes: 60 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "judge.h"
#include "load.h"

/*
 * One node of three is in trouble: its disk is full, or hangs, or its clock is an hour off. The
 * cluster goes on, loses nothing, and is whole when the trouble is over.
 */

enum { WHOLE_MS = 60000, PUTS_MS = 2000 };

static const char quick_repair[] = "repair: {interval_s: 2, settle_ms: 500}\n";
static const size_t others[] = {0, 1}, third[] = {2};
static cluster c;
static load l;
static const char *no_disk, *no_preload;

static void begin(void) {
    cluster_init(&c, 3, 3);
    c.more = quick_repair;
    load_init(&l, &c, 4);
    l.timeout_ms = 10000;
}

static void end(void) {
    load_dispose(&l);
    cluster_dispose(&c);
}

static void put_for_a_while(void) {
    load_start(&l);
    cluster_pause_ms(PUTS_MS);
    load_stop(&l);
    ck_assert_uint_gt(l.acknowledged, 0);
}

static void put_at(const size_t *nodes, size_t count) {
    const size_t failed = l.failed;
    l.nodes = nodes;
    l.node_count = count;
    l.once = 1;
    put_for_a_while();
    ck_assert_uint_eq(l.failed, failed);
}

static void find_preload(void) {
    const char *sanitizer = getenv("SANITIZE");
    if (sanitizer != NULL && sanitizer[0] != '\0')
        no_preload = "nothing can be preloaded beside a sanitizer";
}

/* Disk. */

/* One that is mounted nowhere, so that nobody else sees it, and it works in a chroot as well.
 * Returns its descriptor, or -1. */
static int new_disk(void) {
    int disk = -1;
#ifdef SYS_fsopen
    const int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "32m", 0) == 0 &&
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        disk = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    close(context);
#endif
    return disk;
}

static void find_disk(void) {
    const int disk = new_disk();
    if (disk < 0)
        no_disk = "this process may not mount";
    else
        close(disk);
}

static void fill(const char *path) {
    static const char block[65536];
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    size_t size = sizeof(block);
    while (size > 0)
        if (write(fd, block, size) < 0) {
            ck_assert_int_eq(errno, ENOSPC);
            size /= 2;
        }
    close(fd);
}

START_TEST(a_full_disk_stops_one_node_only) {
    char root[64], ballast[200];
    begin();
    const int disk = new_disk();
    ck_assert_int_ge(disk, 0);
    snprintf(root, sizeof(root), "/proc/%ld/fd/%d", (long)getpid(), disk);
    ck_assert_int_eq(symlink(root, c.nodes[2].data), 0);
    snprintf(ballast, sizeof(ballast), "%s/ballast", c.nodes[2].data);
    cluster_start_all(&c);
    put_for_a_while();
    fill(ballast);
    /* Also by its own clients: the two others are a quorum. */
    put_for_a_while();
    put_at(others, 2);
    ck_assert_int_eq(unlink(ballast), 0);
    judge_wait(&c, &l, 3, 0, WHOLE_MS);
    cluster_signal(&c, 2, SIGTERM);
    close(disk);
    end();
}
END_TEST

/* It answers all the same, also those who put: the two others are a quorum. */
START_TEST(a_disk_that_hangs_holds_up_nobody) {
    char mark[200], *answer;
    begin();
    c.nodes[2].may_stick = 1;
    cluster_start_all(&c);
    put_for_a_while();
    snprintf(mark, sizeof(mark), "%s.stuck", c.nodes[2].data);
    const int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    put_at(third, 1);
    put_at(others, 2);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(cluster_ask(&c, 2, "GET", "/_alldata/status", NULL, &answer), 200);
        free(answer);
    }
    ck_assert_int_eq(unlink(mark), 0);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    end();
}
END_TEST

/* Clock. */

/* hours: by how many it is ahead, or behind. */
static void wrong_clock(long hours) {
    begin();
    c.more = "storage: {interval: PT5M}\nrepair: {interval_s: 2, settle_ms: 500}\n";
    c.nodes[2].clock_s = hours * 3600;
    cluster_start_all(&c);
    /* Through all nodes; a key of now is none that the third could take. */
    put_for_a_while();
    put_at(others, 2);
    judge_wait(&c, &l, 2, 0, WHOLE_MS);
    /* Somebody sets it right. */
    cluster_signal(&c, 2, SIGTERM);
    c.nodes[2].clock_s = 0;
    cluster_start(&c, 2);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    end();
}

START_TEST(a_clock_an_hour_ahead_loses_nothing) {
    wrong_clock(1);
}
END_TEST

START_TEST(a_clock_an_hour_behind_loses_nothing) {
    wrong_clock(-1);
}
END_TEST

/* Intervals. */

/* The name of the interval of node i that is closed and has so many events, which may be handed to
 * it still. */
static void find_closed(size_t i, long events, char name[ALLDATA_INTERVAL_SIZE]) {
    char *answer, wanted[64];
    const char *at;
    const long until = cluster_now_ms() + WHOLE_MS;
    snprintf(wanted, sizeof(wanted), "\"closed\",\"events\":%ld,", events);
    for (;; free(answer), cluster_pause_ms(20)) {
        ck_assert_int_eq(cluster_ask(&c, i, "GET", "/_alldata/intervals", NULL, &answer), 200);
        at = strstr(answer, wanted);
        if (at != NULL)
            break;
        ck_assert_msg(cluster_now_ms() < until, "no interval with %s in %s", wanted, answer);
    }
    while (at > answer && at[-1] != '\n')
        at--;
    ck_assert_int_eq(sscanf(at, "{\"name\":\"%15[0-9T]\"", name), 1);
    free(answer);
}

/* The clocks go back so far that what is put now is in an interval that has ended once they are
 * right again; each event is put at another node, and one node has missed some. */
START_TEST(a_closed_interval_of_a_cluster_becomes_one_file) {
    enum { EVENTS = 300, MISSED = 100, BACK_S = 1800 };
    char interval[ALLDATA_INTERVAL_SIZE], path[64], *answer, line[64] = "";
    begin();
    c.more = "storage: {interval: PT5M}\nrepair: {interval_s: 2, settle_ms: 500}\n";
    for (size_t i = 0; i < c.count; i++)
        c.nodes[i].clock_s = -(BACK_S + time(NULL) % 300 - 60);
    cluster_start_all(&c);
    for (size_t n = 0; n < EVENTS; n++) {
        if (n == EVENTS - MISSED)
            cluster_signal(&c, 2, SIGKILL);
        const size_t at = n < EVENTS - MISSED ? n % 3 : n % 2;
        ck_assert_int_eq(cluster_ask(&c, at, "POST", "/", "{\"a\":1}", &answer), 201);
        free(answer);
    }
    for (size_t i = 0; i < 2; i++)
        cluster_signal(&c, i, SIGTERM);
    for (size_t i = 0; i < c.count; i++)
        c.nodes[i].clock_s = 0;
    cluster_start_all(&c);
    find_closed(0, EVENTS, interval);
    snprintf(path, sizeof(path), "/_alldata/export?interval=%s", interval);
    const long until = cluster_now_ms() + WHOLE_MS;
    int status;
    while ((status = cluster_ask(&c, 2, "POST", path, NULL, &answer)) == 202) {
        ck_assert_int_lt(cluster_now_ms(), until);
        cluster_pause_ms(20);
        free(answer);
    }
    ck_assert_msg(status == 200, "%d: %s", status, answer);
    char file[256];
    ck_assert_int_eq(sscanf(strchr(answer, ':'), ":\"%255[^\"]", file), 1);
    free(answer);
    FILE *exported = fopen(file, "re");
    ck_assert_ptr_nonnull(exported);
    while (fgets(line, sizeof(line), exported) != NULL)
        continue;
    ck_assert_str_eq(line, "end 300\n");
    fclose(exported);
    end();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trouble");
    TCase *tcase = tcase_create("trouble");
    tcase_set_timeout(tcase, 200);
    find_disk();
    find_preload();
    if (no_disk == NULL)
        tcase_add_test(tcase, a_full_disk_stops_one_node_only);
    else
        printf("skipped: a full disk: %s\n", no_disk);
    if (no_preload == NULL) {
        tcase_add_test(tcase, a_disk_that_hangs_holds_up_nobody);
        tcase_add_test(tcase, a_clock_an_hour_ahead_loses_nothing);
        tcase_add_test(tcase, a_clock_an_hour_behind_loses_nothing);
        tcase_add_test(tcase, a_closed_interval_of_a_cluster_becomes_one_file);
    } else {
        printf("skipped: a wrong clock, and a disk that hangs: %s\n", no_preload);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
