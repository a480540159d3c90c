#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent_fixture.h"

/* Being told of events by callback. */

static agent_fixture fixture;

static void setup(void) {
    agent_fixture_setup_quick(&fixture);
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

/* One who is told, and checks that nothing is left out or told twice. */
typedef struct listener {
    atomic_llong last;
    atomic_int told;
    long slow_ms;
    repli_subscription *own; /* to be given up by itself, once it was told enough of times */
    int enough;
} listener;

static void hear(void *user_data, const repli_event *event) {
    listener *self = user_data;
    ck_assert_int_eq(event->number, atomic_load(&self->last) + 1);
    ck_assert_str_eq(event->node_id, "node-1");
    pause_ms(self->slow_ms);
    atomic_store(&self->last, event->number);
    if (atomic_fetch_add(&self->told, 1) + 1 == self->enough)
        repli_agent_unsubscribe(fixture.agent, self->own);
}

static repli_subscription *subscribe(int64_t after, listener *self) {
    repli_subscription *subscription = NULL;
    repli_error error = REPLI_ERROR_INIT;
    atomic_store(&self->last, after);
    ck_assert_msg(repli_agent_subscribe(fixture.agent, after, hear, self, &subscription, &error) ==
                      REPLI_OK,
                  "%s", error.message);
    return subscription;
}

static int64_t newest(void) {
    repli_doc *doc = NULL;
    const repli_event *events;
    size_t count;
    int64_t last = 0;
    ck_assert_int_eq(
        repli_agent_events(fixture.agent, 0, 1, &doc, &events, &count, NULL, &last, NULL),
        REPLI_OK);
    repli_doc_free(doc);
    return last;
}

static void act(int times) {
    char id[REPLI_UUID_SIZE];
    for (int i = 0; i < times; i++)
        agent_fixture_schedule(&fixture, "fake.test/echo", "1", id);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
}

static void await_told(listener *self, int64_t number) {
    for (int turn = 0; turn < 4000 && atomic_load(&self->last) < number; turn++)
        pause_ms(5);
    ck_assert_int_ge(atomic_load(&self->last), number);
}

START_TEST(each_is_told_in_order_from_where_it_began) {
    static listener all, some;
    all = (listener){.slow_ms = 0};
    some = (listener){.slow_ms = 0};
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    act(100);
    repli_subscription *first = subscribe(0, &all);
    repli_subscription *second = subscribe(200, &some);
    act(100);
    await_told(&all, newest());
    await_told(&some, atomic_load(&all.last));
    ck_assert_int_ge(atomic_load(&all.told), 600);
    repli_agent_unsubscribe(fixture.agent, first);
    repli_agent_unsubscribe(fixture.agent, second);
    const int told = atomic_load(&all.told);
    act(1);
    ck_assert_int_eq(atomic_load(&all.told), told);
}
END_TEST

START_TEST(one_who_is_slow_holds_up_no_action) {
    static listener slow;
    slow = (listener){.slow_ms = 200};
    agent_fixture_start(&fixture);
    repli_subscription *subscription = subscribe(0, &slow);
    act(50);
    /* They are all done before it was told of them. */
    ck_assert_int_lt(atomic_load(&slow.last), newest());
    repli_agent_unsubscribe(fixture.agent, subscription);
}
END_TEST

START_TEST(a_callback_may_end_its_own_subscription) {
    static listener once, other;
    once = (listener){.enough = 3};
    other = (listener){.slow_ms = 0};
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    act(1);
    atomic_store(&once.last, newest());
    ck_assert_int_eq(
        repli_agent_subscribe(fixture.agent, REPLI_EVENTS_NEW, hear, &once, &once.own, NULL),
        REPLI_OK);
    subscribe(0, &other); /* which goes with the agent */
    act(3);
    await_told(&other, newest());
    ck_assert_int_eq(atomic_load(&once.told), 3);
}
END_TEST

START_TEST(it_may_be_asked_for_before_the_start) {
    static listener early;
    early = (listener){.slow_ms = 0};
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, NULL), REPLI_OK);
    subscribe(0, &early);
    ck_assert_int_eq(repli_agent_start(fixture.agent, NULL), REPLI_OK);
    await_told(&early, 3);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
    const int told = atomic_load(&early.told);
    pause_ms(50);
    ck_assert_int_eq(atomic_load(&early.told), told);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agent events");
    TCase *tcase = tcase_create("subscriptions");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_is_told_in_order_from_where_it_began);
    tcase_add_test(tcase, one_who_is_slow_holds_up_no_action);
    tcase_add_test(tcase, a_callback_may_end_its_own_subscription);
    tcase_add_test(tcase, it_may_be_asked_for_before_the_start);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
