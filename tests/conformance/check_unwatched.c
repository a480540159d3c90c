/* run.sh timeout: 300 */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <jansson.h>

#include "program.h"
#include "trial.h"

/* Where the system does not let connections be watched the check says so, and passes no rule of
 * which it saw nothing. */

enum { TURN_MS = 5 };

/* From now on this process, and those that it starts, may not. */
static void forbid(unsigned call) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static json_t *report_of(const char *driver) {
    struct trial trial;
    trial_start(&trial, driver);
    while (!trial_ended(&trial))
        program_pause_ms(TURN_MS);
    ck_assert_int_eq(trial.status, 0);
    json_t *report = json_loads(trial.said, 0, NULL);
    ck_assert_ptr_nonnull(report);
    free(trial.said);
    return report;
}

static const char *text_of(const json_t *rule, const char *name) {
    return json_string_value(json_object_get(rule, name));
}

static int is_one_of(const char *id, const char *const *list) {
    while (*list != NULL && strcmp(*list, id) != 0)
        list++;
    return *list != NULL;
}

static void expect_unseen(const char *driver) {
    static const char *const only[] = {"open.offline", "network.own-node", NULL};
    static const char *const partly[] = {"actions.stable", "actions.validate", NULL};
    json_t *report = report_of(driver);
    json_t *rule;
    size_t index;
    json_array_foreach(json_object_get(report, "rules"), index, rule) {
        const char *id = text_of(rule, "id");
        const char *evidence = text_of(rule, "evidence");
        ck_assert_msg(
            strcmp(text_of(rule, "result"), is_one_of(id, only) ? "not_applicable" : "pass") == 0,
            "%s: %s, %s", id, text_of(rule, "result"), evidence);
        ck_assert_msg((strstr(evidence, "be watched") != NULL) ==
                          (is_one_of(id, only) || is_one_of(id, partly)),
                      "%s: %s", id, evidence);
    }
    json_decref(report);
}

START_TEST(where_they_lead_is_not_told) {
    forbid(SYS_process_vm_readv);
    expect_unseen("sound");
}
END_TEST

START_TEST(they_are_not_seen) {
    forbid(SYS_seccomp);
    expect_unseen("sound");
    expect_unseen("open_connects");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("unwatched");
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, where_they_lead_is_not_told);
    tcase_add_test(tcase, they_are_not_seen);
    Suite *suite = suite_create("connections that are not watched");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
