/* run.sh timeout: 900, run.sh takes: 40 */

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include <replicante/model.h>

#include "program.h"

/*
 * kill -9 at a random instant, again and again, under a stream of schedules and running actions.
 *
 * A few clients schedule actions, each client one after the other. Each action appends a line
 * "NAME STEP" to one file in each of its steps. A client that gets no answer asks again with the
 * same id, as a client should. What must hold, whenever the agent is killed:
 *
 * - an action that was acknowledged is there after the restart, and is DONE in the end;
 * - the file has all steps of an action, in order, and nothing of another action between them;
 * - the actions of a client are in the order in which they were acknowledged;
 * - a line is repeated at most once for a kill, and then it is the first one after the restart;
 * - an action that is DONE never runs again, and its history says DONE once;
 * - the log of events has each number from 1 on once, and of each action that it is NEW, RUNNING
 * and DONE, in this order and once.
 *
 * One more client schedules actions with a deadline, with a time before which they may not begin,
 * and cancels some. Each of them must end, once, in a way that it was given a reason for: none
 * begins before its time, times out without a deadline or before it, or is DONE after its
 * cancellation was acknowledged.
 *
 * KILL_SEED repeats a run as far as chance allows, KILL_ROUNDS makes it longer or shorter.
 */

enum {
    ROUNDS = 200,
    CLIENTS = 3,
    STEPS_MAX = 4,
    RUN_MS = 120,  /* most time between the start and the kill */
    START_MS = 25, /* the same for a kill before the agent listens */
    NAME_SIZE = 24,
    DRAIN_MS = 300000
};

static struct program_agent agent;
static char steps_path[128];
static unsigned seed;
static atomic_int stopping;

/* One action, by its client's number and its place in that client's stream. */
static void name_of(int client, int number, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%d-%d", client, number);
}

static void id_of(int client, int number, char id[REPLI_UUID_SIZE]) {
    snprintf(id, REPLI_UUID_SIZE, "%08x-0000-4000-8000-%04x%08x", seed, (unsigned)client,
             (unsigned)number);
}

/* As random as the stream needs, and the same each time it is asked. */
static int steps_of(int client, int number) {
    return 1 + (client * 7 + number * 13) % STEPS_MAX;
}

/* Clients. */

struct client {
    int index;
    pthread_t thread;
    atomic_int acknowledged; /* actions 0 to this one, exclusive */
    int repeated;            /* of them, how many were there already when asked for again */
    unsigned chance;
};

static struct client clients[CLIENTS];

static size_t keep(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    char *text = user_data;
    const size_t length = strlen(text), room = 4095 - length;
    memcpy(text + length, data, size < room ? size : room);
    text[length + (size < room ? size : room)] = '\0';
    return size;
}

/* The status of the answer, or 0. method NULL: GET, or POST if there is a body. answer has room for
 * 4096 bytes. */
static long ask_by(CURL *curl, const char *method, const char *path, const char *body,
                   char *answer) {
    char url[256];
    long status = 0;
    answer[0] = '\0';
    snprintf(url, sizeof(url), "http://localhost/api/unstable/action%s", path);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, agent.socket);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 20000L);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (method != NULL)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(curl) != CURLE_OK)
        return 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static long ask(CURL *curl, const char *path, const char *body, char *answer) {
    return ask_by(curl, NULL, path, body, answer);
}

static void make_body(const struct client *client, int number, char *body, size_t size) {
    char name[NAME_SIZE], id[REPLI_UUID_SIZE];
    name_of(client->index, number, name);
    id_of(client->index, number, id);
    snprintf(body, size,
             "{\"kind\":\"fake.test/append\",\"id\":\"%s\",\"args\":{\"file\":\"%s\",\"id\":\"%s\","
             "\"steps\":%d}}",
             id, steps_path, name, steps_of(client->index, number));
}

static void *stream(void *argument) {
    struct client *client = argument;
    CURL *curl = curl_easy_init();
    char body[512], answer[4096];
    for (int number = 0; !atomic_load(&stopping);) {
        make_body(client, number, body, sizeof(body));
        const long status = ask(curl, "", body, answer);
        /* A conflict can only be with what the agent took before it was killed. */
        if (status == 200 || status == 409) {
            client->repeated += status == 409;
            atomic_store(&client->acknowledged, ++number);
        } else if (status != 0) {
            fprintf(stderr, "status %ld: %s\n", status, answer);
            abort();
        }
        program_pause_ms(status == 0 ? 1 : (long)(rand_r(&client->chance) % 8));
    }
    curl_easy_cleanup(curl);
    return NULL;
}

/* The one with limits. */

enum { DEADLINE = 1, NOT_BEFORE = 2, CANCEL = 4, MIXED_MAX = 100000 };

static struct client mixer = {.index = CLIENTS};
static char was_cancelled[MIXED_MAX]; /* and that was acknowledged */

static int limits_of(int number) {
    return number * 5 % 8;
}

static void add_time(char *body, size_t size, const char *name, int64_t ms) {
    struct timespec now;
    char time[REPLI_TIME_SIZE] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    repli_time_format((int64_t)now.tv_sec * 1000000000 + now.tv_nsec + ms * 1000000, time,
                      sizeof(time), NULL);
    const size_t used = strlen(body);
    snprintf(body + used, size - used, ",\"%s\":\"%s\"", name, time);
}

static void make_mixed(int number, unsigned *chance, char *body, size_t size) {
    char id[REPLI_UUID_SIZE];
    const int limits = limits_of(number);
    id_of(mixer.index, number, id);
    snprintf(body, size,
             "{\"kind\":\"fake.test/steps\",\"id\":\"%s\",\"args\":{\"steps\":2,\"pause_ms\":%d}",
             id, rand_r(chance) % 5);
    if ((limits & NOT_BEFORE) != 0)
        add_time(body, size, "not_before", rand_r(chance) % 40);
    if ((limits & DEADLINE) != 0)
        add_time(body, size, "deadline", 50 + rand_r(chance) % 100);
    strcat(body, "}");
}

static void *mix(void *argument) {
    (void)argument;
    CURL *curl = curl_easy_init();
    char body[512], answer[4096], path[64] = "/";
    for (int number = 0; !atomic_load(&stopping) && number < MIXED_MAX;) {
        make_mixed(number, &mixer.chance, body, sizeof(body) - 1);
        long status = ask(curl, "", body, answer);
        if (status == 200 || status == 409) {
            id_of(mixer.index, number, path + 1);
            if ((limits_of(number) & CANCEL) != 0)
                was_cancelled[number] = ask_by(curl, "DELETE", path, NULL, answer) == 200;
            atomic_store(&mixer.acknowledged, ++number);
        } else if (status != 0) {
            fprintf(stderr, "status %ld: %s\n", status, answer);
            abort();
        }
        program_pause_ms(status == 0 ? 1 : (long)(rand_r(&mixer.chance) % 20));
    }
    curl_easy_cleanup(curl);
    return NULL;
}

static void start_clients(void) {
    mixer.chance = seed + CLIENTS;
    ck_assert_int_eq(pthread_create(&mixer.thread, NULL, mix, NULL), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].index = i;
        clients[i].chance = seed + (unsigned)i;
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, stream, &clients[i]), 0);
    }
}

static void stop_clients(void) {
    atomic_store(&stopping, 1);
    pthread_join(mixer.thread, NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
}

/* Rounds. */

/* Bytes of the file at each kill: what begins there was written by the next agent. */
static long *boundaries;
static int boundary_count;

static long file_size(void) {
    FILE *file = fopen(steps_path, "re");
    if (file == NULL)
        return 0;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    return size;
}

static int occurrences(const char *text, const char *what) {
    int count = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        count++;
    return count;
}

static void expect_known(CURL *curl, int client, int from, int to) {
    for (int number = from; number < to; number++) {
        char path[64], answer[4096] = "";
        path[0] = '/';
        id_of(client, number, path + 1);
        const long status = ask(curl, path, NULL, answer);
        ck_assert_msg(status == 200, "%s was acknowledged and is lost: status %ld", path + 1,
                      status);
    }
}

static void pause_us(unsigned us) {
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* Start the agent, look for what was acknowledged in the last round, and kill it. */
static void round_of(CURL *curl, int *acknowledged, unsigned *chance) {
    program_agent_spawn(&agent);
    if (rand_r(chance) % 8 == 0) {
        pause_us((unsigned)rand_r(chance) % (START_MS * 1000));
    } else {
        ck_assert_int_eq(program_agent_wait(&agent), 0);
        for (int i = 0; i < CLIENTS; i++) {
            const int now = atomic_load(&clients[i].acknowledged);
            expect_known(curl, i, acknowledged[i], now);
            acknowledged[i] = now;
        }
        pause_us((unsigned)rand_r(chance) % (RUN_MS * 1000));
    }
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    boundaries[boundary_count++] = file_size();
}

static void drain(void) {
    const long begin = program_now_ms();
    struct program_output output;
    for (;;) {
        program_run(&output, (const char *[]){"actions", "--json", "-a", agent.address, NULL});
        ck_assert_int_eq(output.status, 0);
        const int empty = strcmp(output.out, "{\"actions\":[]}\n") == 0;
        program_output_free(&output);
        if (empty)
            return;
        ck_assert_msg(program_now_ms() - begin < DRAIN_MS, "the queue does not become empty");
        program_pause_ms(50);
    }
}

/* Proof. */

struct state {
    int client, number, step; /* the last line's; step 0: none yet */
    int next[CLIENTS];        /* the action that each client has next */
    int repeated;
};

static int is_boundary(long offset) {
    for (int i = 0; i < boundary_count; i++)
        if (boundaries[i] == offset)
            return 1;
    return 0;
}

static void take_line(struct state *state, const char *line, long offset) {
    int client, number, step;
    ck_assert_msg(sscanf(line, "%d-%d %d", &client, &number, &step) == 3, "odd line: %s", line);
    const int same = state->step > 0 && client == state->client && number == state->number;
    if (same && step == state->step) {
        ck_assert_msg(is_boundary(offset), "repeated without a kill: %s", line);
        state->repeated++;
        return;
    }
    if (same) {
        ck_assert_msg(step == state->step + 1, "step %d follows step %d: %s", step, state->step,
                      line);
    } else {
        ck_assert_msg(state->step == 0 || state->step == steps_of(state->client, state->number),
                      "%s begins while %d-%d is at step %d", line, state->client, state->number,
                      state->step);
        ck_assert_msg(client >= 0 && client < CLIENTS && number == state->next[client],
                      "%s out of order", line);
        ck_assert_msg(step == 1, "%s does not begin at step 1", line);
        state->next[client]++;
    }
    state->client = client;
    state->number = number;
    state->step = step;
}

/* Every line of the file fits to the one before it. */
static int check_file(void) {
    char *text = program_read_file(steps_path);
    struct state state = {0};
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        ck_assert_msg(end != NULL, "half a line: %s", line);
        *end = '\0';
        take_line(&state, line, line - text);
        line = end + 1;
    }
    ck_assert_int_eq(state.step, steps_of(state.client, state.number));
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_ge(state.next[i], atomic_load(&clients[i].acknowledged));
    free(text);
    return state.repeated;
}

/* Every acknowledged action is DONE, and became so once. */
static void check_records(CURL *curl) {
    for (int client = 0; client < CLIENTS; client++) {
        const int count = atomic_load(&clients[client].acknowledged);
        for (int number = 0; number < count; number++) {
            char path[64], answer[4096] = "";
            path[0] = '/';
            id_of(client, number, path + 1);
            ck_assert_int_eq(ask(curl, path, NULL, answer), 200);
            /* The state itself and its place in the history. */
            ck_assert_msg(occurrences(answer, "\"phase\":\"DONE\"") == 2, "%s", answer);
            ck_assert_msg(occurrences(answer, "\"phase\":\"NEW\"") == 1, "%s", answer);
            ck_assert_msg(strstr(answer, "FAILED") == NULL, "%s", answer);
        }
    }
}

/* The log. */

struct log {
    long long last;
    unsigned char *phases[CLIENTS]; /* 1 to 3: NEW, RUNNING, DONE */
};

static void take_event(struct log *log, const char *event) {
    static const char *const words[] = {"\"old\":null,\"new\":\"NEW\"",
                                        "\"old\":\"NEW\",\"new\":\"RUNNING\"",
                                        "\"old\":\"RUNNING\",\"new\":\"DONE\""};
    long long number;
    unsigned own, client, action;
    ck_assert_msg(sscanf(event, "{\"number\":%lld", &number) == 1, "odd event: %s", event);
    ck_assert_msg(number == log->last + 1, "event %lld follows %lld", number, log->last);
    log->last = number;
    if (strstr(event, "\"type\":\"action\"") == NULL)
        return;
    const char *subject = strstr(event, "\"subject\":\"");
    ck_assert_msg(subject != NULL && sscanf(subject, "\"subject\":\"%8x-0000-4000-8000-%4x%8x",
                                            &own, &client, &action) == 3,
                  "odd event: %s", event);
    ck_assert(own == seed && client <= CLIENTS);
    if (client == CLIENTS)
        return; /* of which the records tell */
    ck_assert_int_le((int)action, atomic_load(&clients[client].acknowledged));
    const unsigned char phase = log->phases[client][action]++;
    ck_assert_msg(phase < 3 && strstr(event, words[phase]) != NULL, "out of order: %s", event);
}

/* A page of the log; 0 if it is empty. */
static int take_page(struct log *log) {
    struct program_output output;
    char after[24];
    snprintf(after, sizeof(after), "%lld", log->last);
    program_run(&output, (const char *[]){"events", "--json", "-a", agent.address, "--after", after,
                                          "--limit", "1000", NULL});
    ck_assert_msg(output.status == 0, "%s", output.err);
    const long long before = log->last;
    for (char *event = strstr(output.out, "{\"number\":"); event != NULL;) {
        char *next = strstr(event + 1, "{\"number\":");
        if (next != NULL)
            next[-1] = '\0';
        take_event(log, event);
        event = next;
    }
    program_output_free(&output);
    return log->last > before;
}

static void check_log(void) {
    struct log log = {0};
    for (int client = 0; client < CLIENTS; client++)
        log.phases[client] = calloc((size_t)atomic_load(&clients[client].acknowledged) + 1, 1);
    while (take_page(&log))
        continue;
    for (int client = 0; client < CLIENTS; client++) {
        for (int action = 0; action < atomic_load(&clients[client].acknowledged); action++)
            ck_assert_msg(log.phases[client][action] == 3, "%d-%d has %d events", client, action,
                          log.phases[client][action]);
        free(log.phases[client]);
    }
    printf("%lld events\n", log.last);
}

static void check_mixed_one(int number, const repli_action *action) {
    const int limits = limits_of(number);
    const char *outcome = repli_ended_name(action->outcome);
    int64_t begun_ns = REPLI_TIME_NONE;
    int ends = 0;
    for (size_t i = 0; i < action->history_count; i++) {
        const repli_transition *at = &action->history[i];
        ends += at->phase == REPLI_PHASE_DONE || at->phase == REPLI_PHASE_FAILED;
        if (at->phase == REPLI_PHASE_RUNNING)
            begun_ns = at->time_ns;
    }
    ck_assert_msg(outcome != NULL && ends == 1, "%s ended %d times: %s", action->id, ends,
                  outcome != NULL ? outcome : "not");
    if (was_cancelled[number])
        ck_assert_msg(action->outcome == REPLI_ENDED_CANCELLED, "%s is %s", action->id, outcome);
    if (begun_ns != REPLI_TIME_NONE && action->not_before_ns != REPLI_TIME_NONE)
        ck_assert_msg(begun_ns >= action->not_before_ns, "%s began too early", action->id);
    switch (action->outcome) {
    case REPLI_ENDED_DONE: break;
    case REPLI_ENDED_CANCELLED: ck_assert((limits & CANCEL) != 0); break;
    case REPLI_ENDED_TIMED_OUT:
        ck_assert((limits & DEADLINE) != 0);
        ck_assert_int_ge(action->finished_ns, action->deadline_ns);
        break;
    default: ck_abort_msg("%s is %s: %s", action->id, outcome, action->error_json);
    }
}

/* Returns how many of them ended in each way. */
static void check_mixed(CURL *curl, int ends[REPLI_ENDED_INTERRUPTED + 1]) {
    for (int number = 0; number < atomic_load(&mixer.acknowledged); number++) {
        char path[64], answer[4096] = "";
        repli_doc *doc;
        const repli_action *action;
        repli_error err = REPLI_ERROR_INIT;
        path[0] = '/';
        id_of(mixer.index, number, path + 1);
        ck_assert_int_eq(ask(curl, path, NULL, answer), 200);
        ck_assert_msg(repli_action_from_json(answer, strlen(answer), &doc, &action, &err) ==
                          REPLI_OK,
                      "%s: %s", err.message, answer);
        check_mixed_one(number, action);
        ends[action->outcome]++;
        repli_doc_free(doc);
    }
}

static unsigned number_from(const char *variable, unsigned otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

START_TEST(nothing_is_lost_and_nothing_runs_twice) {
    const int rounds = (int)number_from("KILL_ROUNDS", ROUNDS);
    seed = number_from("KILL_SEED", (unsigned)time(NULL));
    printf("KILL_SEED=%u, %d rounds\n", seed, rounds);
    fflush(stdout);
    boundaries = calloc((size_t)rounds, sizeof(*boundaries));
    program_agent_init(&agent, "actions: {queue_limit: 1000000}\n");
    snprintf(steps_path, sizeof(steps_path), "%s/steps", agent.directory);
    CURL *curl = curl_easy_init();
    int acknowledged[CLIENTS] = {0}, total = 0, repeated = 0;
    unsigned chance = seed;

    start_clients();
    for (int i = 0; i < rounds; i++)
        round_of(curl, acknowledged, &chance);
    program_agent_start(&agent);
    stop_clients();
    drain();
    const int repeated_steps = check_file();
    check_records(curl);
    check_log();
    int ends[REPLI_ENDED_INTERRUPTED + 1] = {0};
    check_mixed(curl, ends);
    for (int i = 0; i < CLIENTS; i++) {
        total += atomic_load(&clients[i].acknowledged);
        repeated += clients[i].repeated;
    }
    printf("%d actions, %d asked for again, %d steps repeated\n", total, repeated, repeated_steps);
    printf("with limits: %d done, %d timed out, %d cancelled\n", ends[REPLI_ENDED_DONE],
           ends[REPLI_ENDED_TIMED_OUT], ends[REPLI_ENDED_CANCELLED]);
    for (int outcome = REPLI_ENDED_TIMED_OUT; outcome <= REPLI_ENDED_CANCELLED; outcome++)
        ck_assert_int_gt(ends[outcome], 0);
    ck_assert_int_gt(ends[REPLI_ENDED_DONE], 0);
    /* A run in which nothing happened proves nothing. */
    ck_assert_int_gt(total, 2 * rounds);

    curl_easy_cleanup(curl);
    free(boundaries);
    program_agent_stop(&agent, SIGTERM, 20000);
    program_agent_dispose(&agent);
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    TCase *tcase = tcase_create("kill");
    tcase_set_timeout(tcase, 800);
    tcase_add_test(tcase, nothing_is_lost_and_nothing_runs_twice);
    Suite *suite = suite_create("kill");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
