#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One step being done. */
typedef struct call {
    const fake *self;
    repli_op *op;
    const repli_step *step;
    repli_sink *sink;
    repli_error *err;
} call;

static int64_t argument(const call *c, const char *name, int64_t value) {
    const repli_host *host = c->self->host;
    const char *args = c->step->action->args_json;
    host->json_integer(host, args, strlen(args), name, &value, NULL);
    return value;
}

static void text_argument(const call *c, const char *name, char *text, size_t size) {
    const repli_host *host = c->self->host;
    const char *args = c->step->action->args_json;
    text[0] = '\0';
    host->json_string(host, args, strlen(args), name, text, size, NULL);
}

static int32_t emit(const call *c, int32_t phase, const char *payload, int64_t next_step_ms) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = payload;
    outcome.next_step_ms = next_step_ms;
    char waiting_for[200];
    text_argument(c, "waiting_for", waiting_for, sizeof(waiting_for));
    if (phase == REPLI_PHASE_RUNNING && waiting_for[0] != '\0')
        outcome.waiting_for = waiting_for;
    return c->self->host->emit_outcome(c->sink, &outcome);
}

/* Steps done so far, as the previous step left it in the payload. */
static int64_t steps_done(const call *c) {
    int64_t done = 0;
    const char *payload = c->step->action->payload_json;
    if (payload != NULL)
        c->self->host->json_integer(c->self->host, payload, strlen(payload), "step", &done, NULL);
    return done;
}

static int32_t emit_step(const call *c, int64_t done, int64_t steps) {
    char payload[64];
    snprintf(payload, sizeof(payload), "{\"step\":%lld,\"steps\":%lld}", (long long)done,
             (long long)steps);
    return emit(c, done >= steps ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING, payload,
                argument(c, "pause_ms", 0));
}

static int32_t step_echo(const call *c) {
    return emit(c, REPLI_PHASE_DONE, c->step->action->args_json, -1);
}

static int32_t step_steps(const call *c) {
    return emit_step(c, steps_done(c) + 1, argument(c, "steps", 3));
}

static int32_t step_slow(const call *c) {
    const int32_t code = fake_sleep(c->self, c->op, argument(c, "ms", 1000), c->err);
    return code == REPLI_OK ? emit(c, REPLI_PHASE_DONE, NULL, -1) : code;
}

static int32_t step_append(const call *c) {
    const int64_t now = steps_done(c) + 1;
    char path[PATH_MAX];
    char id[128];
    text_argument(c, "file", path, sizeof(path));
    text_argument(c, "id", id, sizeof(id));
    char line[200];
    const int size = snprintf(line, sizeof(line), "%s %lld\n", id, (long long)now);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const ssize_t written = fd != -1 ? write(fd, line, (size_t)size) : -1;
    const int reason = errno;
    if (fd != -1)
        close(fd);
    if (written != size)
        return c->self->host->error(c->self->host, c->err, REPLI_EIO, NULL,
                                    "cannot append to the file", strerror(reason));
    return emit_step(c, now, argument(c, "steps", 1));
}

static int32_t step_fail(const call *c) {
    const repli_host *host = c->self->host;
    const int32_t code = (int32_t)argument(c, "code", 0);
    if (code != 0)
        return host->error(host, c->err, code, "FAKE2", "the fake action was told to fail", NULL);
    char error[512];
    char cause[256];
    text_argument(c, "error", error, sizeof(error));
    text_argument(c, "cause", cause, sizeof(cause));
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_FAILED;
    outcome.error = error[0] != '\0' ? error : "the fake action fails";
    outcome.error_cause = cause[0] != '\0' ? cause : NULL;
    return host->emit_outcome(c->sink, &outcome);
}

static const struct {
    repli_action_kind kind;
    int32_t (*step)(const call *c);
} actions[] = {
    {{sizeof(repli_action_kind), 0, "fake.test/echo", "Gives its arguments back", "anything"},
     step_echo},
    {{sizeof(repli_action_kind), REPLI_KIND_CANCEL_BETWEEN_STEPS, "fake.test/steps", "Counts steps",
      "steps (3), pause_ms between them (0), waiting_for (text)"},
     step_steps},
    {{sizeof(repli_action_kind), 0, "fake.test/slow", "Takes its time",
      "ms (1000); stops when it is cancelled"},
     step_slow},
    {{sizeof(repli_action_kind), REPLI_KIND_CANCEL_BETWEEN_STEPS, "fake.test/append",
      "Appends a line \"ID STEP\" to a file in each step",
      "file, id, steps (1), pause_ms between them (0)"},
     step_append},
    {{sizeof(repli_action_kind), 0, "fake.test/fail", "Fails",
      "error and cause (text), or code (of a step that returns an error)"},
     step_fail},
};

static int find(const char *kind) {
    const int count = (int)(sizeof(actions) / sizeof(actions[0]));
    for (int i = 0; i < count; i++)
        if (strcmp(actions[i].kind.kind, kind) == 0)
            return i;
    return -1;
}

int32_t fake_actions_describe(void *self, repli_sink *sink, repli_error *err) {
    (void)err; /* what the sink refuses, the library knows */
    const fake *instance = self;
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]) && code == REPLI_OK; i++)
        code = instance->host->emit_action_kind(sink, &actions[i].kind);
    return code;
}

int32_t fake_action_validate(void *self, const char *kind, const char *args_json, size_t args_size,
                             repli_error *err) {
    const repli_host *host = ((const fake *)self)->host;
    if (find(kind) < 0)
        return host->error(host, err, REPLI_ENOTFOUND, NULL, "not a kind of the fake driver", kind);
    if (strcmp(kind, "fake.test/echo") == 0)
        return REPLI_OK;
    char text[PATH_MAX];
    int32_t code = REPLI_OK;
    if (strcmp(kind, "fake.test/append") == 0) {
        code = host->json_string(host, args_json, args_size, "file", text, sizeof(text), err);
        if (code == REPLI_OK)
            code = host->json_string(host, args_json, args_size, "id", text, 128, err);
        if (code == REPLI_ENOTFOUND)
            return host->error(host, err, REPLI_EINVALID, NULL, "the arguments need file and id",
                               NULL);
    }
    int64_t steps = 1;
    if (code == REPLI_OK)
        code = host->json_integer(host, args_json, args_size, "steps", &steps, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    if (steps < 1)
        return host->error(host, err, REPLI_EINVALID, NULL, "steps must be 1 or more", NULL);
    return REPLI_OK;
}

int32_t fake_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                         repli_error *err) {
    const call c = {.self = self, .op = op, .step = step, .sink = sink, .err = err};
    const int at = find(step->action->kind);
    if (at < 0)
        return c.self->host->error(c.self->host, err, REPLI_ENOTFOUND, NULL,
                                   "not a kind of the fake driver", step->action->kind);
    return actions[at].step(&c);
}

int32_t fake_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                         size_t args_size, repli_sink *sink, repli_error *err) {
    const fake *instance = self;
    const repli_host *host = instance->host;
    char path[PATH_MAX] = "";
    char command[PATH_MAX + 64];
    int64_t ms = 0;
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    if (strcmp(kind, "fake.test/fail") == 0)
        return host->error(host, err, REPLI_ECONFLICT, NULL, "the fake action would fail", NULL);
    if (strcmp(kind, "fake.test/slow") == 0) {
        host->json_integer(host, args_json, args_size, "ms", &ms, NULL);
        const int32_t code = fake_sleep(instance, op, ms, err);
        step.summary = "take its time";
        return code == REPLI_OK ? host->emit_plan_step(sink, &step) : code;
    }
    if (strcmp(kind, "fake.test/append") != 0)
        return host->error(host, err, REPLI_ENOTSUP, NULL, "nobody knows what that does", kind);
    host->json_string(host, args_json, args_size, "file", path, sizeof(path), NULL);
    snprintf(command, sizeof(command), "echo ID STEP >> %s", path);
    step.summary = "append a line to a file";
    step.command = command;
    int32_t code = host->emit_plan_step(sink, &step);
    step = (repli_plan_step)REPLI_PLAN_STEP_INIT;
    step.summary = "forget about it";
    step.waits_for = "the next one";
    step.flags = REPLI_PLAN_DESTRUCTIVE;
    if (code == REPLI_OK)
        code = host->emit_plan_step(sink, &step);
    return code;
}
