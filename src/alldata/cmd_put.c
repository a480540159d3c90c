#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "exits.h"
#include "name.h"
#include "session.h"
#include "text.h"

/* An event from the command line or a file, or many from the standard input. */

enum { CHUNK = 1024 * 1024, LINE_MAX_BYTES = 256 * 1024 * 1024 };

/* What is put, and what came of it so far. */
struct work {
    const struct options *options;
    alldata_client *client;
    int status;      /* of the first that failed */
    uint64_t line;   /* of the standard input; of the next result */
    uint64_t *lines; /* of the puts that are being sent */
    uint64_t done, failed;
    int untold; /* a node has acknowledged, and told no key */
};

/* Results. */

static void print_json(const alldata_put_result *result) {
    json_t *object = json_object();
    if (result->key[0] != '\0')
        json_object_set_new(object, "key", json_string(result->key));
    json_object_set_new(object, "code", json_string(alldata_error_name(result->code)));
    if (result->replicas > 0)
        json_object_set_new(object, "replicas", json_integer(result->replicas));
    if (result->needed > 0)
        json_object_set_new(object, "needed", json_integer(result->needed));
    if (result->error != NULL)
        json_object_set_new(object, "error_msg", json_string(result->error->message));
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void report(struct work *work, const alldata_put_result *result, uint64_t line) {
    if (work->options->json)
        print_json(result);
    else if (result->code == REPLI_OK && result->key[0] != '\0')
        printf("%s\n", result->key);
    if (result->code == REPLI_OK) {
        work->untold |= result->key[0] == '\0';
        work->done++;
        return;
    }
    work->failed++;
    if (work->status == EXITS_OK)
        work->status = session_exit(result->code);
    if (line > 0)
        fprintf(stderr, "%s: line %" PRIu64 ": %s\n", program_name, line, result->error->message);
    else
        fprintf(stderr, "%s: %s\n", program_name, result->error->message);
}

static void take_results(void *user_data, const alldata_put_result *results, size_t count) {
    struct work *work = user_data;
    for (size_t i = 0; i < count; i++)
        report(work, &results[i], *work->lines++);
}

static alldata_put make_put(const struct options *options, const char *event, size_t size) {
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = event;
    put.event_size = size;
    put.key = options->key;
    put.flags = options->late ? ALLDATA_PUT_LATE : 0;
    put.commit = options->commit;
    put.timeout_ms = options->timeout_ms > 0 ? (uint64_t)options->timeout_ms : 0;
    return put;
}

/* One. */

static int put_one(struct work *work, const char *event, size_t size) {
    const alldata_put put = make_put(work->options, event, size);
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_client_put(work->client, &put, &result, &err) != REPLI_OK)
        result.error = &err;
    report(work, &result, 0);
    return work->status;
}

static int cannot_read(const char *what) {
    fprintf(stderr, "%s: cannot read %s: %s\n", program_name, what, strerror(errno));
    return EXITS_NEGATIVE;
}

static int put_file(struct work *work, const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    size_t got = 0;
    if (file == NULL)
        return cannot_read(path);
    do {
        text = text_realloc(text, size + CHUNK);
        got = fread(text + size, 1, CHUNK, file);
        size += got;
    } while (got > 0 && size < LINE_MAX_BYTES);
    const int status = ferror(file) ? cannot_read(path) : put_one(work, text, size);
    fclose(file);
    free(text);
    return status;
}

/* Many. */

static int is_blank(const char *text, size_t size) {
    return strspn(text, " \t\r") >= size;
}

/* Put all whole lines of text, each of which ends with a NUL. */
static void put_lines(struct work *work, const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\0';
    alldata_put *puts = text_alloc((count + 1) * sizeof(*puts));
    uint64_t *lines = text_alloc((count + 1) * sizeof(*lines));
    repli_error err = REPLI_ERROR_INIT;
    count = 0;
    for (const char *line = text; line < text + size; line += strlen(line) + 1) {
        work->line++;
        if (is_blank(line, strlen(line)))
            continue;
        lines[count] = work->line;
        puts[count++] = make_put(work->options, line, strlen(line));
    }
    const uint64_t before = work->done + work->failed;
    work->lines = lines;
    alldata_client_put_many(work->client, puts, count, take_results, work, &err);
    /* One that is no put at all is refused with all others. */
    if (count > 0 && work->done + work->failed == before)
        work->status = session_complain(&err);
    fflush(stdout);
    free(puts);
    free(lines);
}

/* More that is there already, so that many go at once. */
static int has_more(void) {
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
}

static int put_input(struct work *work) {
    char *text = NULL;
    size_t size = 0;
    size_t capacity = 0;
    for (ssize_t got = 1; got > 0 && size < LINE_MAX_BYTES;) {
        if (capacity - size < CHUNK / 2)
            text = text_realloc(text, (capacity = 2 * size + CHUNK) + 1);
        got = read(STDIN_FILENO, text + size, capacity - size);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            work->status = cannot_read("the standard input");
        else
            size += (size_t)got;
        /* A NUL is no JSON, nor would it be seen. */
        if (size > 0 && got == 0 && text[size - 1] != '\n')
            text[size++] = '\n';
        if (got > 0 && size < CHUNK && has_more())
            continue;
        const char *last = size > 0 ? memrchr(text, '\n', size) : NULL;
        if (last == NULL)
            continue;
        const size_t whole = (size_t)(last + 1 - text);
        for (size_t i = 0; i < whole; i++)
            text[i] = text[i] == '\n' ? '\0' : text[i] == '\0' ? '?' : text[i];
        put_lines(work, text, whole);
        memmove(text, text + whole, size - whole);
        size -= whole;
    }
    free(text);
    return work->status;
}

/* A reference node stores an event as it likes, whatever else it is asked for. */
static int complain_of_untold(const struct options *options) {
    const int was_asked = options->key != NULL || options->commit != ALLDATA_COMMIT_DEFAULT;
    fprintf(stderr, "%s: the node, one of the reference, tells no keys%s%s\n", program_name,
            options->key != NULL ? ", and has put the event under another than the given" : "",
            options->commit != ALLDATA_COMMIT_DEFAULT ? ", and knows no --commit but its own" : "");
    return was_asked ? EXITS_NEGATIVE : EXITS_OK;
}

int cmd_put(const struct options *options) {
    struct work work = {.options = options};
    int status = session_open(options, 0, &work.client);
    if (status != EXITS_OK)
        return status;
    if (options->argument_count > 0)
        status = put_one(&work, options->arguments[0], strlen(options->arguments[0]));
    else if (options->file != NULL)
        status = put_file(&work, options->file);
    else
        status = put_input(&work);
    if (work.failed > 0 && work.done + work.failed > 1)
        fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " events were not acknowledged\n",
                program_name, work.failed, work.done + work.failed);
    if (work.untold) {
        const int untold = complain_of_untold(options);
        status = status == EXITS_OK ? untold : status;
    }
    alldata_client_free(work.client);
    return status;
}
