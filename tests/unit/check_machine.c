#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include <replicante/model.h>

#include "store/machine.h"

enum { PHASES = 5 };

static int is_final(int32_t phase) {
    return phase == REPLI_PHASE_DONE || phase == REPLI_PHASE_FAILED;
}

START_TEST(every_phase_can_be_reached) {
    int reached[PHASES] = {1, 0, 0, 0, 0};
    for (int pass = 0; pass < PHASES; pass++)
        for (size_t i = 0; i < repli__machine_rows; i++)
            if (reached[repli__machine[i].from])
                reached[repli__machine[i].to] = 1;
    for (int phase = REPLI_PHASE_NEW; phase <= REPLI_PHASE_FAILED; phase++)
        ck_assert_msg(reached[phase], "%s is never reached", repli_phase_name(phase));
}
END_TEST

START_TEST(every_phase_but_the_final_ones_can_end) {
    int ends[PHASES] = {0};
    ends[REPLI_PHASE_DONE] = ends[REPLI_PHASE_FAILED] = 1;
    for (int pass = 0; pass < PHASES; pass++)
        for (size_t i = 0; i < repli__machine_rows; i++)
            if (ends[repli__machine[i].to])
                ends[repli__machine[i].from] = 1;
    for (int phase = 0; phase < PHASES; phase++)
        ck_assert_int_eq(ends[phase], 1);
}
END_TEST

START_TEST(final_phases_have_no_exit) {
    for (size_t i = 0; i < repli__machine_rows; i++)
        ck_assert(!is_final(repli__machine[i].from));
    for (int32_t event = REPLI__EVENT_SCHEDULE; event <= REPLI__EVENT_EXPIRE; event++) {
        ck_assert_int_eq(repli__machine_next(REPLI_PHASE_DONE, event), 0);
        ck_assert_int_eq(repli__machine_next(REPLI_PHASE_FAILED, event), 0);
    }
}
END_TEST

START_TEST(no_event_is_ambiguous) {
    for (size_t i = 0; i < repli__machine_rows; i++)
        for (size_t j = i + 1; j < repli__machine_rows; j++)
            ck_assert(repli__machine[i].from != repli__machine[j].from ||
                      repli__machine[i].event != repli__machine[j].event);
}
END_TEST

START_TEST(every_event_has_a_name_and_a_place) {
    for (int32_t event = REPLI__EVENT_SCHEDULE; event <= REPLI__EVENT_EXPIRE; event++) {
        ck_assert_str_ne(repli__machine_event_name(event), "unknown");
        int places = 0;
        for (int32_t phase = 0; phase < PHASES; phase++)
            places += repli__machine_next(phase, event) != 0;
        ck_assert_int_gt(places, 0);
    }
    ck_assert_str_eq(repli__machine_event_name(0), "unknown");
    ck_assert_int_eq(repli__machine_next(REPLI_PHASE_NEW, 0), 0);
    ck_assert_int_eq(repli__machine_next(99, REPLI__EVENT_CLAIM), 0);
}
END_TEST

/* The rules of the model, written down a second time. */
START_TEST(the_life_of_an_action) {
    static const struct {
        int32_t from, event, to;
    } life[] = {
        {0, REPLI__EVENT_SCHEDULE, REPLI_PHASE_NEW},
        {REPLI_PHASE_NEW, REPLI__EVENT_CLAIM, REPLI_PHASE_RUNNING},
        {REPLI_PHASE_NEW, REPLI__EVENT_CANCEL, REPLI_PHASE_FAILED},
        {REPLI_PHASE_NEW, REPLI__EVENT_SUCCEED, 0},
        {REPLI_PHASE_NEW, REPLI__EVENT_FAIL, 0},
        {REPLI_PHASE_NEW, REPLI__EVENT_STEP, 0},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_CLAIM, REPLI_PHASE_RUNNING},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_STEP, REPLI_PHASE_RUNNING},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_SUCCEED, REPLI_PHASE_DONE},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_FAIL, REPLI_PHASE_FAILED},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_CANCEL, REPLI_PHASE_RUNNING},
        {REPLI_PHASE_NEW, REPLI__EVENT_EXPIRE, REPLI_PHASE_FAILED},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_EXPIRE, 0},
        {REPLI_PHASE_RUNNING, REPLI__EVENT_SCHEDULE, 0},
    };
    for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++)
        ck_assert_int_eq(repli__machine_next(life[i].from, life[i].event), life[i].to);
    for (size_t i = 0; i < repli__machine_rows; i++) {
        const repli__machine_row *row = &repli__machine[i];
        printf("%-8s --%s--> %-8s %s\n", row->from != 0 ? repli_phase_name(row->from) : "-",
               repli__machine_event_name(row->event), repli_phase_name(row->to), row->comment);
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("machine");
    tcase_add_test(tcase, every_phase_can_be_reached);
    tcase_add_test(tcase, every_phase_but_the_final_ones_can_end);
    tcase_add_test(tcase, final_phases_have_no_exit);
    tcase_add_test(tcase, no_event_is_ambiguous);
    tcase_add_test(tcase, every_event_has_a_name_and_a_place);
    tcase_add_test(tcase, the_life_of_an_action);
    Suite *suite = suite_create("machine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
