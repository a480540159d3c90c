#include "alldata-http/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alldata-http/call.h"
#include "base/error.h"

enum { FREE = 0, WAITING, RUNNING, WRITTEN, FAILED };

/* Files. */

static int32_t path_of(alldata_node *node, const char *interval, int with_name, char *path,
                       repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    const int32_t code = alldata_node_status_get(node, &status, err);
    if (code != REPLI_OK)
        return code;
    const int size =
        snprintf(path, ALLDATA__HTTP_PATH_SIZE, with_name ? "%s/exports/%s.export" : "%s/exports",
                 status.location, interval);
    return size < ALLDATA__HTTP_PATH_SIZE
               ? REPLI_OK
               : repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                              "the path of the node's directory is too long for exports");
}

typedef struct search {
    const char *name;
    int32_t state; /* 0: not found */
} search;

static int32_t compare(void *user_data, const char *name, int32_t state) {
    search *it = user_data;
    if (strcmp(name, it->name) != 0)
        return 0;
    it->state = state;
    return 1;
}

/* Only what the storage has a name for becomes part of a path. */
static int32_t check_interval(alldata_node *node, const char *interval, repli_error *err) {
    search it = {.name = interval};
    const int32_t code = alldata_storage_intervals(alldata_node_storage(node), compare, &it, err);
    if (code != REPLI_OK)
        return code;
    if (it.state == 0)
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__HTTP_ORIGIN,
                            "this node has no interval of that name");
    if (it.state == ALLDATA_INTERVAL_OPEN)
        return repli__error(err, REPLI_ESTATE, ALLDATA__HTTP_ORIGIN,
                            "the interval %s is not closed: events are still added to it",
                            interval);
    return REPLI_OK;
}

/* It is whole if it is there, so that its last line says how many. */
static int32_t count_events(int fd, alldata__http_file *file, repli_error *err) {
    char end[64] = "";
    struct stat about;
    const char *line = NULL;
    if (fstat(fd, &about) == 0) {
        const off_t size = (off_t)sizeof(end) - 1;
        const ssize_t got =
            pread(fd, end, (size_t)size, about.st_size > size ? about.st_size - size : 0);
        for (ssize_t at = got - 5; at >= 0 && line == NULL; at--)
            if (memcmp(end + at, "\nend ", 5) == 0)
                line = end + at;
    }
    if (line != NULL && sscanf(line, "\nend %" SCNu64, &file->events) == 1)
        return REPLI_OK;
    return repli__error(err, REPLI_ECORRUPT, ALLDATA__HTTP_ORIGIN,
                        "the file %.300s has no last line: have the interval exported again",
                        file->path);
}

static int32_t open_file(const char *interval, alldata__http_file *file, repli_error *err) {
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return repli__error(err, REPLI_ENOTREADY, ALLDATA__HTTP_ORIGIN,
                            "the interval %s is being exported", interval);
    if (fd < 0)
        return repli__error(err, REPLI_EIO, ALLDATA__HTTP_ORIGIN, "cannot open %.300s: %s",
                            file->path, strerror(errno));
    const int32_t code = count_events(fd, file, err);
    close(fd);
    return code;
}

int32_t alldata__http_export_find(alldata_node *node, const char *interval,
                                  alldata__http_file *ret_file, repli_error *err) {
    int32_t code = check_interval(node, interval, err);
    if (code == REPLI_OK)
        code = path_of(node, interval, 1, ret_file->path, err);
    return code == REPLI_OK ? open_file(interval, ret_file, err) : code;
}

/* Where it is to be written, in a directory that is there. */
static int32_t prepare(alldata_node *node, const char *interval, char path[ALLDATA__HTTP_PATH_SIZE],
                       repli_error *err) {
    const int32_t code = path_of(node, interval, 0, path, err);
    if (code != REPLI_OK)
        return code;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return repli__error(err, REPLI_EIO, ALLDATA__HTTP_ORIGIN,
                            "cannot make the directory %.300s: %s", path, strerror(errno));
    return path_of(node, interval, 1, path, err);
}

int32_t alldata__http_export_write(alldata_node *node, const char *interval, repli_error *err) {
    char path[ALLDATA__HTTP_PATH_SIZE];
    const int32_t code = prepare(node, interval, path, err);
    return code == REPLI_OK
               ? alldata_storage_export(alldata_node_storage(node), interval, path, err)
               : code;
}

/* Jobs. */

/* The one that has been so for longest. The mutex is held. */
static alldata__http_job *find_first(alldata__http_exporter *exporter, int state) {
    alldata__http_job *first = NULL;
    for (size_t i = 0; i < ALLDATA__HTTP_EXPORTS; i++) {
        alldata__http_job *job = &exporter->jobs[i];
        if (job->state == state && (first == NULL || job->number < first->number))
            first = job;
    }
    return first;
}

/* One of an interval; number 0: the last one. The mutex is held. */
static alldata__http_job *find(alldata__http_exporter *exporter, const char *interval,
                               uint64_t number) {
    alldata__http_job *last = NULL;
    for (size_t i = 0; i < ALLDATA__HTTP_EXPORTS; i++) {
        alldata__http_job *job = &exporter->jobs[i];
        if (job->state != FREE && strcmp(job->interval, interval) == 0 &&
            (number == 0 || job->number == number) && (last == NULL || job->number > last->number))
            last = job;
    }
    return last;
}

/* A peer has answered. */
static void go_on(void *user_data) {
    alldata__http_exporter *exporter = user_data;
    repli__worker_tell(&exporter->worker);
}

static int32_t write_some(alldata__http_exporter *exporter, const char *interval,
                          repli_error *err) {
    char path[ALLDATA__HTTP_PATH_SIZE];
    int32_t code = REPLI_OK;
    if (exporter->writing == NULL) {
        code = prepare(exporter->node, interval, path, err);
        if (code == REPLI_OK)
            code = alldata_exporter_new(exporter->node, interval, path, go_on, exporter,
                                        &exporter->writing, err);
    }
    return code == REPLI_OK ? alldata_exporter_step(exporter->writing, err) : code;
}

static void give_up(alldata__http_exporter *exporter) {
    alldata_exporter_free(exporter->writing);
    exporter->writing = NULL;
}

static uint64_t work(void *user_data) {
    alldata__http_exporter *exporter = user_data;
    pthread_mutex_lock(&exporter->mutex);
    alldata__http_job *job = find_first(exporter, RUNNING);
    if (job == NULL)
        job = find_first(exporter, WAITING);
    if (job != NULL && !exporter->stopping)
        job->state = RUNNING;
    else
        job = NULL;
    pthread_mutex_unlock(&exporter->mutex);
    if (job == NULL)
        return UINT64_MAX;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = write_some(exporter, job->interval, &error);
    if (code == REPLI_OK || code == REPLI_ENOTREADY)
        return code == REPLI_OK ? 0 : UINT64_MAX;
    give_up(exporter);
    /* The interval was looked at before, so it is the path, which nobody who asks can help. */
    if (error.code == REPLI_EINVALID)
        error.code = REPLI_EIO;
    pthread_mutex_lock(&exporter->mutex);
    job->state = code == REPLI_EDONE ? WRITTEN : FAILED;
    job->error = error;
    pthread_mutex_unlock(&exporter->mutex);
    return 0;
}

int32_t alldata__http_exporter_init(alldata__http_exporter *exporter, alldata_node *node,
                                    repli_error *err) {
    const int32_t code =
        repli__worker_init(&exporter->worker, "alldata-export", work, exporter, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&exporter->mutex, NULL);
    exporter->node = node;
    exporter->made = 1;
    return REPLI_OK;
}

static int32_t start(alldata__http_exporter *exporter, repli_error *err) {
    if (exporter->worker.started)
        return REPLI_OK;
    return repli__worker_start(&exporter->worker, err);
}

/* Room for one, which that of another that has ended may be. The mutex is held. */
static alldata__http_job *make_room(alldata__http_exporter *exporter) {
    static const int states[] = {FREE, WRITTEN, FAILED};
    alldata__http_job *job = NULL;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && job == NULL; i++)
        job = find_first(exporter, states[i]);
    return job;
}

/* The mutex is held. */
static int32_t add(alldata__http_exporter *exporter, const char *interval, int again,
                   uint64_t *ret_number, repli_error *err) {
    alldata__http_job *last = find(exporter, interval, 0);
    const int state = last != NULL ? last->state : FREE;
    if (state == WAITING || (state == RUNNING && !again)) {
        *ret_number = last->number;
        return REPLI_OK;
    }
    if (state == FAILED && !again) {
        last->state = FREE;
        return repli__error_copy(err, &last->error);
    }
    alldata__http_job *job = make_room(exporter);
    if (job == NULL)
        return repli__error(err, REPLI_EBUSY, ALLDATA__HTTP_ORIGIN,
                            "%d intervals wait for their export already: try again later",
                            ALLDATA__HTTP_EXPORTS);
    const int32_t code = start(exporter, err);
    if (code != REPLI_OK)
        return code;
    job->state = WAITING;
    job->number = *ret_number = ++exporter->begun;
    snprintf(job->interval, sizeof(job->interval), "%s", interval);
    return REPLI_OK;
}

int32_t alldata__http_exporter_add(alldata__http_exporter *exporter, const char *interval,
                                   int again, uint64_t *ret_number, repli_error *err) {
    pthread_mutex_lock(&exporter->mutex);
    const int32_t code = add(exporter, interval, again, ret_number, err);
    pthread_mutex_unlock(&exporter->mutex);
    if (code == REPLI_OK)
        repli__worker_tell(&exporter->worker);
    return code;
}

/* The mutex is held. */
static int32_t look(alldata__http_exporter *exporter, const char *interval, uint64_t number,
                    repli_error *err) {
    const alldata__http_job *job = find(exporter, interval, number);
    if (job == NULL)
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__HTTP_ORIGIN,
                            "no export of the interval %s with that number is known, or no more: "
                            "ask for another",
                            interval);
    if (job->state == WRITTEN)
        return REPLI_OK;
    if (job->state != FAILED)
        return repli__error(err, REPLI_ENOTREADY, ALLDATA__HTTP_ORIGIN,
                            "the interval %s is being exported", interval);
    return repli__error_copy(err, &job->error);
}

int32_t alldata__http_exporter_look(alldata__http_exporter *exporter, const char *interval,
                                    uint64_t number, repli_error *err) {
    pthread_mutex_lock(&exporter->mutex);
    const int32_t code = look(exporter, interval, number, err);
    pthread_mutex_unlock(&exporter->mutex);
    return code;
}

void alldata__http_exporter_dispose(alldata__http_exporter *exporter) {
    if (!exporter->made)
        return;
    pthread_mutex_lock(&exporter->mutex);
    exporter->stopping = 1;
    pthread_mutex_unlock(&exporter->mutex);
    if (exporter->worker.started) {
        repli__worker_quit(&exporter->worker);
        repli__worker_join(&exporter->worker, UINT64_MAX);
    }
    give_up(exporter);
    pthread_mutex_destroy(&exporter->mutex);
    repli__worker_dispose(&exporter->worker);
    exporter->made = 0;
}
