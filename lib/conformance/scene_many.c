#include <string.h>

#include "base/thread.h"
#include "conformance/gauge.h"
#include "conformance/track.h"

/* The same again and again, for what is left over each time. */

enum { OPENINGS = 1000, LOOK_EVERY = 10, OBSERVERS = 4, LOOKS_OF_EACH = 25 };

/* One opening and closing; 0 if it could be done. */
static int open_and_close(struct bench *bench, struct subject *s, int looks) {
    if (subject_must_open(s, bench, RULE_OPEN_REPEATED) != 0)
        return -1;
    if (looks) {
        struct look look;
        look_take(s, bench->options->deadline_ms, &look);
        look_free(&look);
    }
    subject_close(s);
    return 0;
}

void scene_reopen(struct bench *bench) {
    struct subject s;
    struct gauge gauges[GAUGE_COUNT];
    for (int i = 0; i < OPENINGS / 10; i++)
        if (open_and_close(bench, &s, 1) != 0)
            return;
    for (int part = 0; part < GAUGE_COUNT; part++) {
        gauges[part] = gauge_take(&s);
        for (int i = 0; part + 1 < GAUGE_COUNT && i < OPENINGS / (GAUGE_COUNT - 1); i++)
            if (open_and_close(bench, &s, i % LOOK_EVERY == 0) != 0)
                return;
    }
    static const char what[] = "openings and closings";
    gauge_judge_descriptors(bench->board, RULE_OPEN_REPEATED, gauges, OPENINGS, what);
    gauge_judge_threads(bench->board, RULE_OPEN_REPEATED, gauges, OPENINGS, what);
    gauge_judge_memory(bench->board, RULE_OPEN_REPEATED, gauges, OPENINGS, what);
}

/* Returns whether the store could be reached. One look or two may be late on a busy machine. */
static int look_up(struct subject *s, struct look *ret_look) {
    enum { TRIES = 3 };
    for (int i = 1; i <= TRIES; i++) {
        look_take(s, s->bench->options->deadline_ms, ret_look);
        if (track_is_up(ret_look->status))
            return 1;
        if (i < TRIES)
            look_free(ret_look);
    }
    return 0;
}

/* Look so often, and compare each with the one before. Not 0 if the store could be reached. */
static int look_often(struct subject *s, int64_t count) {
    struct look looks[2];
    int up = look_up(s, &looks[0]);
    for (int64_t i = 1; up && i < count; i++) {
        up = look_up(s, &looks[1]);
        track_next(s->bench->board, &looks[0], &looks[1]);
        look_free(&looks[0]);
        looks[0] = looks[1];
    }
    look_free(&looks[0]);
    return up;
}

void scene_many(struct bench *bench) {
    struct subject s;
    struct gauge gauges[GAUGE_COUNT];
    const int64_t looks = bench->options->calls / REPLI__ASK_COUNT / (GAUGE_COUNT - 1) + 1;
    if (subject_must_open(&s, bench, RULE_LEAKS_MEMORY) != 0)
        return;
    int up = look_often(&s, looks / 4 + 1); /* what is kept from the first calls on */
    for (int part = 0; up && part < GAUGE_COUNT; part++) {
        gauges[part] = gauge_take(&s);
        if (part + 1 < GAUGE_COUNT)
            up = look_often(&s, looks);
    }
    if (up) {
        const size_t calls = (size_t)bench->options->calls;
        gauge_judge_memory(bench->board, RULE_LEAKS_MEMORY, gauges, calls, "calls");
        gauge_judge_descriptors(bench->board, RULE_LEAKS_DESCRIPTORS, gauges, calls, "calls");
        gauge_judge_threads(bench->board, RULE_LEAKS_THREADS, gauges, calls, "calls");
    } else {
        bench_skip(bench, SCENE_MANY, "the store could not be reached");
    }
    subject_close(&s);
}

struct observer {
    struct subject *subject;
    pthread_t thread;
    int up;         /* each time */
    char text[200]; /* what it was told last, while that was good */
};

static void *observe(void *argument) {
    struct observer *observer = argument;
    for (int i = 0; i < LOOKS_OF_EACH; i++) {
        struct look look;
        look_take(observer->subject, observer->subject->bench->options->deadline_ms, &look);
        if (observer->up) {
            observer->up = track_is_up(look.status);
            track_status(&look, observer->text, sizeof(observer->text));
        }
        look_free(&look);
    }
    return NULL;
}

static void observe_at_once(struct subject *s) {
    struct board *board = s->bench->board;
    struct observer observers[OBSERVERS];
    int started = 0;
    board_presume(board, RULE_CALLS_CONCURRENT, "of calls at once some did not return");
    for (; started < OBSERVERS; started++) {
        observers[started] = (struct observer){.subject = s, .up = 1};
        if (repli__thread_start(&observers[started].thread, "check", observe, &observers[started],
                                NULL) != REPLI_OK)
            break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(observers[i].thread, NULL);
        if (!observers[i].up)
            board_fail(board, RULE_CALLS_CONCURRENT, "of %d threads one was told %s", started,
                       observers[i].text);
    }
    board_pass(board, RULE_CALLS_CONCURRENT, "%d threads, %d observations each", started,
               (int)LOOKS_OF_EACH);
}

void scene_concurrent(struct bench *bench) {
    struct subject s;
    if (board_failed(bench->board, RULE_STATUS_RUNNING)) {
        board_skip(bench->board, RULE_CALLS_CONCURRENT,
                   "the store cannot be reached by one call either");
        return;
    }
    if (subject_must_open(&s, bench, RULE_CALLS_CONCURRENT) != 0)
        return;
    if (s.driver.capabilities & REPLI_CAP_CONCURRENT)
        observe_at_once(&s);
    else
        board_skip(bench->board, RULE_CALLS_CONCURRENT,
                   "the driver does not say REPLI_CAP_CONCURRENT");
    subject_close(&s);
}
