#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "action/registry.h"
#include "failing.h"

static repli__registry *registry;

static void setup(void) {
    ck_assert_int_eq(repli__registry_new(&repli__mem_default, &registry, NULL), REPLI_OK);
}

static void teardown(void) {
    repli__registry_free(registry);
}

static int32_t step(void *user_data, const repli_host *host, repli_op *op, const repli_step *now,
                    repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)host;
    (void)op;
    (void)now;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static int32_t add(int32_t owner, const char *kind, repli_error *err) {
    repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT, .step = step};
    handler.kind.kind = kind;
    handler.kind.summary = "Do it";
    return repli__registry_add(registry, owner, &handler, err);
}

START_TEST(names_are_reserved) {
    static const struct {
        const char *kind;
        int32_t library, driver, host;
    } cases[] = {
        {"example.com/a", REPLI_OK, REPLI_OK, REPLI_OK},
        {"notreplicante.io/a", REPLI_OK, REPLI_OK, REPLI_OK},
        {"replicante.io.example.com/a", REPLI_OK, REPLI_OK, REPLI_OK},
        {"agent.replicante.io/cluster.init", REPLI_OK, REPLI_OK, REPLI_EINVALID},
        {"agent.replicante.io/cluster.add", REPLI_OK, REPLI_OK, REPLI_EINVALID},
        {"agent.replicante.io/cluster.join", REPLI_OK, REPLI_OK, REPLI_EINVALID},
        {"agent.replicante.io/cluster.remove", REPLI_OK, REPLI_OK, REPLI_EINVALID},
        {"agent.replicante.io/cluster.other", REPLI_OK, REPLI_EINVALID, REPLI_EINVALID},
        {"agent.replicante.io/test.success", REPLI_OK, REPLI_EINVALID, REPLI_EINVALID},
        {"external.agent.replicante.io/x", REPLI_OK, REPLI_EINVALID, REPLI_EINVALID},
        {"replicante.io/x", REPLI_OK, REPLI_EINVALID, REPLI_EINVALID},
        {"noslash", REPLI_EINVALID, REPLI_EINVALID, REPLI_EINVALID},
        {"", REPLI_EINVALID, REPLI_EINVALID, REPLI_EINVALID},
        {NULL, REPLI_EINVALID, REPLI_EINVALID, REPLI_EINVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int32_t expected[] = {cases[i].library, cases[i].driver, cases[i].host};
        for (int32_t owner = REPLI__OWNER_LIBRARY; owner <= REPLI__OWNER_HOST; owner++) {
            repli_error error = REPLI_ERROR_INIT;
            ck_assert_msg(add(owner, cases[i].kind, &error) == expected[owner - 1], "%s for %d: %s",
                          cases[i].kind, owner, error.message);
            teardown();
            setup();
        }
    }
}
END_TEST

START_TEST(a_kind_is_offered_once) {
    ck_assert_int_eq(add(REPLI__OWNER_DRIVER, "example.com/a", NULL), REPLI_OK);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(add(REPLI__OWNER_HOST, "example.com/a", &error), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "example.com/a"));
    ck_assert_uint_eq(repli__registry_count(registry), 1);
}
END_TEST

START_TEST(a_kind_needs_a_step) {
    repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT};
    handler.kind.kind = "example.com/a";
    ck_assert_int_eq(repli__registry_add(registry, REPLI__OWNER_HOST, &handler, NULL),
                     REPLI_EINVALID);
}
END_TEST

START_TEST(kinds_are_sorted_and_found) {
    char name[] = "example.com/c";
    ck_assert_int_eq(add(REPLI__OWNER_HOST, name, NULL), REPLI_OK);
    name[0] = 'x'; /* it was copied */
    for (char last = 'z'; last >= 'a'; last--) {
        char kind[] = "example.com/?";
        kind[sizeof(kind) - 2] = last;
        ck_assert_int_eq(add(REPLI__OWNER_HOST, kind, NULL),
                         last == 'c' ? REPLI_ECONFLICT : REPLI_OK);
    }
    ck_assert_uint_eq(repli__registry_count(registry), 26);
    for (size_t i = 0; i < 26; i++) {
        char kind[] = "example.com/?";
        kind[sizeof(kind) - 2] = (char)('a' + i);
        ck_assert_str_eq(repli__registry_at(registry, i)->kind.kind, kind);
        ck_assert_ptr_eq(repli__registry_find(registry, kind), repli__registry_at(registry, i));
    }
    ck_assert_ptr_null(repli__registry_at(registry, 26));
    ck_assert_ptr_null(repli__registry_find(registry, "example.com/aa"));
    ck_assert_ptr_null(repli__registry_find(registry, ""));
}
END_TEST

START_TEST(the_loop_checks_its_target) {
    ck_assert_int_eq(repli__registry_add_tests(registry, NULL), REPLI_OK);
    ck_assert_ptr_nonnull(repli__registry_find(registry, "agent.replicante.io/test.success"));
    ck_assert_ptr_nonnull(repli__registry_find(registry, "agent.replicante.io/test.fail"));
    const char *kind = "agent.replicante.io/test.loop";
    const repli__handler *loop = repli__registry_find(registry, kind);
    static const struct {
        const char *args;
        int32_t code;
    } cases[] = {
        {"null", REPLI_OK},
        {"{}", REPLI_OK},
        {"{\"target\":0}", REPLI_OK},
        {"{\"target\":3,\"more\":[]}", REPLI_OK},
        {"{\"target\":-1}", REPLI_EINVALID},
        {"{\"target\":1.5}", REPLI_EINVALID},
        {"{\"target\":\"3\"}", REPLI_EINVALID},
        {"{\"target\":null}", REPLI_EINVALID},
        {"[3]", REPLI_EINVALID},
        {"3", REPLI_EINVALID},
        {"{", REPLI_EINVALID},
        {"", REPLI_EINVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(loop->validate(loop->user_data, kind, cases[i].args, strlen(cases[i].args),
                                     NULL) == cases[i].code,
                      "%s", cases[i].args);
}
END_TEST

START_TEST(want_of_memory_changes_nothing) {
    failing memory;
    failing_init(&memory);
    int32_t code = REPLI_ENOMEM;
    for (size_t fail_at = 1; code != REPLI_OK; fail_at++) {
        ck_assert_uint_lt(fail_at, 100);
        failing_arm(&memory, fail_at, 1);
        repli__registry *limited = NULL;
        repli_error error = REPLI_ERROR_INIT;
        code = repli__registry_new(&memory.allocator, &limited, &error);
        if (code == REPLI_OK)
            code = repli__registry_add_tests(limited, &error);
        ck_assert(code == REPLI_OK || code == REPLI_ENOMEM);
        ck_assert_int_eq(error.code, code);
        if (limited != NULL)
            for (size_t i = 0; i < repli__registry_count(limited); i++)
                ck_assert_ptr_nonnull(repli__registry_at(limited, i)->kind.kind);
        repli__registry_free(limited);
        ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("registry");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, names_are_reserved);
    tcase_add_test(tcase, a_kind_is_offered_once);
    tcase_add_test(tcase, a_kind_needs_a_step);
    tcase_add_test(tcase, kinds_are_sorted_and_found);
    tcase_add_test(tcase, the_loop_checks_its_target);
    tcase_add_test(tcase, want_of_memory_changes_nothing);
    Suite *suite = suite_create("registry");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
