#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "exits.h"
#include "name.h"
#include "session.h"
#include "text.h"

/* An interval as alldata-export(5) has it, with what any node of the cluster has, in a file that
 * appears whole or not at all. */

static int cannot_write(const char *path) {
    fprintf(stderr, "%s: cannot write %s: %s\n", program_name, path, strerror(errno));
    return EXITS_NEGATIVE;
}

/* Only what nothing is put into any more is the same tomorrow. */
static int check_closed(alldata_client *client, const char *interval) {
    repli_buf body = REPLI_BUF_INIT;
    int status = session_get(client, "/_alldata/intervals", &body);
    const char *state = NULL;
    json_t *object = NULL;
    for (size_t at = 0; at < body.size && status == EXITS_OK && state == NULL;) {
        const repli_buf line = {.data = body.data + at, .size = strcspn(body.data + at, "\n")};
        json_decref(object);
        object = session_document(&line);
        if (object == NULL)
            status = EXITS_AGENT;
        const char *name = json_string_value(json_object_get(object, "name"));
        if (name != NULL && strcmp(name, interval) == 0)
            state = json_string_value(json_object_get(object, "state"));
        at += line.size + 1;
    }
    if (status == EXITS_OK && (state == NULL || strcmp(state, "closed") != 0)) {
        fprintf(stderr, "%s: the interval %s %s\n", program_name, interval,
                state == NULL ? "does not exist" : "is not closed yet");
        status = EXITS_REFUSED;
    }
    json_decref(object);
    free(body.data);
    return status;
}

static int write_records(alldata_client_scan *scan, const char *interval, FILE *to) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    uint64_t count = 0;
    fprintf(to, "alldata-export 1 %s\n", interval);
    for (; !ferror(to) && alldata_client_scan_next(scan, &record, &err) == REPLI_OK; count++) {
        fprintf(to, "%zu %zu ", record.key_size, record.event_size);
        fwrite(record.key, 1, record.key_size, to);
        fputc(' ', to);
        fwrite(record.event, 1, record.event_size, to);
        fputc('\n', to);
    }
    fprintf(to, "end %" PRIu64 "\n", count);
    if (ferror(to))
        return EXITS_OK;
    return err.code == REPLI_EDONE ? EXITS_OK : session_complain(&err);
}

static int write_file(alldata_client_scan *scan, const char *interval, const char *path) {
    char *part = text_printf("%s.%ld.part", path, (long)getpid());
    const int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    int status = EXITS_OK;
    if (file == NULL) {
        status = cannot_write(part);
    } else {
        status = write_records(scan, interval, file);
        const int written = !ferror(file) && fflush(file) == 0 && fsync(fd) == 0;
        if (fclose(file) != 0 || !written)
            status = cannot_write(part);
        if (status == EXITS_OK && rename(part, path) != 0)
            status = cannot_write(path);
        if (status != EXITS_OK)
            unlink(part);
    }
    free(part);
    return status;
}

int cmd_export(const struct options *options) {
    const char *interval = options->arguments[0];
    alldata_client_scan_options wanted = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    alldata_client_scan *scan = NULL;
    alldata_client *client;
    repli_error err = REPLI_ERROR_INIT;
    int status = session_open(options, 0, &client);
    if (status != EXITS_OK)
        return status;
    wanted.interval = interval;
    wanted.local = options->local;
    status = check_closed(client, interval);
    if (status == EXITS_OK && alldata_client_scan_new(client, &wanted, &scan, &err) != REPLI_OK)
        status = session_complain(&err);
    if (status == EXITS_OK)
        status = write_file(scan, interval, options->arguments[1]);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    return status;
}
