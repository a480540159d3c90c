#include <stdatomic.h>

#include "calls_agent.h"

/* Events. */

static int32_t read_log(repli_agent *agent, int64_t after, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_event *events = UNSET;
    size_t count = 77777;
    int64_t first = 77777;
    int64_t last = 77777;
    const int32_t code =
        repli_agent_events(agent, after, 2, &doc, &events, &count, &first, &last, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && events == UNSET && count == 77777 && first == 77777);
        return code;
    }
    const int good = count == 2 && first == 1 && last > 2 && events[0].number == after + 1 &&
                     events[1].number == after + 2 && events[0].node_id[0] != '\0';
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

int32_t call_repli_agent_events(world *w, repli_error *err) {
    return read_log(w->host.agent, 0, err);
}

int32_t fail_repli_agent_events_REPLI_EINVALID(world *w, repli_error *err) {
    return read_log(w->host.agent, -1, err);
}

int32_t fail_repli_agent_events_REPLI_ECONFLICT(world *w, repli_error *err) {
    return read_log(w->host.agent, INT64_MAX, err);
}

int32_t fail_repli_agent_events_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(read_log(own.agent, 0, err));
}

static void count_event(void *user_data, const repli_event *event) {
    atomic_fetch_add((atomic_int *)user_data, event->number > 0);
}

/* Told of the first two events at least. */
static int32_t subscribe(repli_agent *agent, int64_t after, int waits, repli_error *err) {
    repli_subscription *subscription = UNSET;
    atomic_int count;
    atomic_init(&count, 0);
    const int32_t code =
        repli_agent_subscribe(agent, after, count_event, &count, &subscription, err);
    if (code != REPLI_OK) {
        REQUIRE(subscription == UNSET && atomic_load(&count) == 0);
        return code;
    }
    for (int turn = 0; waits && turn < PARTY_TURNS && atomic_load(&count) < 2; turn++)
        pause_ms(5);
    repli_agent_unsubscribe(agent, subscription);
    REQUIRE(!waits || atomic_load(&count) >= 2);
    return code;
}

int32_t call_repli_agent_subscribe(world *w, repli_error *err) {
    return subscribe(w->host.agent, 0, 1, err);
}

int32_t fail_repli_agent_subscribe_REPLI_EINVALID(world *w, repli_error *err) {
    repli_subscription *subscription = UNSET;
    REQUIRE(repli_agent_subscribe(w->host.agent, 0, NULL, NULL, &subscription, NULL) ==
            REPLI_EINVALID);
    return subscribe(w->host.agent, -2, 0, err);
}

int32_t fail_repli_agent_subscribe_REPLI_ECONFLICT(world *w, repli_error *err) {
    return subscribe(w->host.agent, INT64_MAX, 0, err);
}

int32_t fail_repli_agent_subscribe_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(subscribe(own.agent, 0, 0, err));
}

int32_t call_repli_agent_unsubscribe(world *w, repli_error *err) {
    (void)err;
    repli_agent_unsubscribe(w->host.agent, NULL);
    return w->forked ? REPLI_OK : subscribe(w->host.agent, REPLI_EVENTS_NEW, 0, NULL);
}
