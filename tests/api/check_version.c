#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include <replicante/version.h>

START_TEST(library_and_header_agree) {
    ck_assert_str_eq(repli_version(), REPLI_VERSION_STRING);
    ck_assert_int_eq(repli_version_number(), REPLI_VERSION_NUMBER);
}
END_TEST

START_TEST(text_and_numbers_agree) {
    char text[32];
    int length = snprintf(text, sizeof(text), "%d.%d.%d", REPLI_VERSION_MAJOR, REPLI_VERSION_MINOR,
                          REPLI_VERSION_PATCH);
    ck_assert_int_gt(length, 0);
    ck_assert_str_eq(text, REPLI_VERSION_STRING);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("version");
    tcase_add_test(tcase, library_and_header_agree);
    tcase_add_test(tcase, text_and_numbers_agree);
    Suite *suite = suite_create("version");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
