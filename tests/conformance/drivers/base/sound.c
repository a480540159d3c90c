#include "sound.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PUT "tiny.example/put"

enum { TURN_MS = 20 };

/* Configuration and life. */

static const repli_config_key directory_key = {
    .struct_size = sizeof(repli_config_key),
    .type = REPLI_CONFIG_STRING,
    .flags = REPLI_CONFIG_REQUIRED,
    .name = "directory",
    .summary = "absolute path of the store's directory",
};
static const repli_config_key password_key = {
    .struct_size = sizeof(repli_config_key),
    .type = REPLI_CONFIG_STRING,
    .flags = REPLI_CONFIG_REQUIRED | REPLI_CONFIG_SECRET,
    .name = "password",
    .summary = "password of the store",
};
const repli_config_key *const sound_config_keys[] = {&directory_key, &password_key, NULL};

int32_t sound_open(const repli_host *host, const char *config_json, size_t config_size,
                   void **ret_self, repli_error *err) {
    sound *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    *self = (sound){.host = host};
    int32_t code = host->json_string(host, config_json, config_size, "directory", self->directory,
                                     sizeof(self->directory), err);
    if (code == REPLI_OK)
        code = host->json_string(host, config_json, config_size, "password", self->password,
                                 sizeof(self->password), err);
    if (code == REPLI_OK)
        *ret_self = self;
    else
        host->release(host, self);
    return code;
}

void sound_close(void *opened) {
    sound *self = opened;
    self->host->release(self->host, self);
}

/* Talking to the store. */

void sound_path(const sound *self, const char *name, char path[SOUND_PATH_SIZE]) {
    snprintf(path, SOUND_PATH_SIZE, "%.*s/%s", SOUND_PATH_SIZE - 32, self->directory, name);
}

int32_t sound_failed(const sound *self, int32_t code, const char *what, repli_error *err) {
    char message[SOUND_PATH_SIZE + 64];
    snprintf(message, sizeof(message), "cannot %s the store in %s: %s", what, self->directory,
             strerror(errno));
    return self->host->error(self->host, err, code, NULL, message, NULL);
}

/* The deadline has passed, or the call was cancelled. */
static int32_t given_up(const sound *self, const repli_op *op, const char *what, repli_error *err) {
    const repli_host *host = self->host;
    const int late = host->now_ns(host) >= host->deadline_ns(op);
    errno = late ? ETIMEDOUT : ECANCELED;
    return sound_failed(self, late ? REPLI_ETIMEOUT : REPLI_ECANCELLED, what, err);
}

/* In short turns, between which it is asked whether to give up: so cancel() has nothing to do. */
int32_t sound_wait(const sound *self, const repli_op *op, int fd, short events, repli_error *err) {
    struct pollfd polled = {.fd = fd, .events = events};
    while (!self->host->cancelled(op))
        if (poll(&polled, 1, TURN_MS) == 1)
            return REPLI_OK;
    return given_up(self, op, "hear from", err);
}

void sound_cancel(void *opened, repli_op *op) {
    (void)opened;
    (void)op;
}

int32_t sound_connect(const sound *self, const repli_op *op, const char *path, int *ret_fd,
                      repli_error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
        sizeof(address.sun_path))
        return self->host->error(self->host, err, REPLI_EINVALID, NULL,
                                 "the path of the directory is too long for a socket", NULL);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return sound_failed(self, REPLI_EIO, "make a socket for", err);
    int32_t code = REPLI_OK;
    while (code == REPLI_OK && connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
        if (errno != EAGAIN) /* too many clients wait already */
            code = sound_failed(self, errno == EACCES ? REPLI_EPERMISSION : REPLI_EREFUSED,
                                "connect to", err);
        else if (self->host->cancelled(op))
            code = given_up(self, op, "connect to", err);
        else
            poll(NULL, 0, TURN_MS);
    }
    if (code == REPLI_OK)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}

/* One line, which the store sends at once. */
static int32_t converse(const sound *self, const repli_op *op, int fd, const char *question,
                        char *line, repli_error *err) {
    char sent[2 * SOUND_LINE_SIZE];
    snprintf(sent, sizeof(sent), "%s %s\n", self->password, question);
    if (send(fd, sent, strlen(sent), MSG_NOSIGNAL) == -1)
        return sound_failed(self, REPLI_ELOST, "ask", err);
    const int32_t code = sound_wait(self, op, fd, POLLIN, err);
    if (code != REPLI_OK)
        return code;
    const ssize_t size = recv(fd, line, SOUND_LINE_SIZE - 1, 0);
    if (size <= 0) {
        errno = size == 0 ? ECONNRESET : errno;
        return sound_failed(self, REPLI_ELOST, "hear from", err);
    }
    line[size] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return REPLI_OK;
}

/* Errors are classified, because the node's status follows from the class. */
static int32_t understand(const sound *self, char *line, repli_error *err) {
    const repli_host *host = self->host;
    if (strcmp(line, "denied") == 0)
        return host->error(host, err, REPLI_EAUTH, line, "the store refuses the password", NULL);
    if (strcmp(line, "exists") == 0)
        return host->error(host, err, REPLI_ECONFLICT, line, "there is such an entry", NULL);
    if (strncmp(line, "ok", 2) != 0)
        return host->error(host, err, REPLI_EPROTOCOL, NULL, "the store makes no sense", line);
    memmove(line, line + 2 + (line[2] == ' '), strlen(line + 2 + (line[2] == ' ')) + 1);
    return REPLI_OK;
}

int32_t sound_ask(const sound *self, const repli_op *op, const char *question, char **ret_answer,
                  repli_error *err) {
    const repli_host *host = self->host;
    char path[SOUND_PATH_SIZE];
    int fd;
    sound_path(self, "socket", path);
    int32_t code = sound_connect(self, op, path, &fd, err);
    if (code != REPLI_OK)
        return code;
    char *line = host->alloc(host, SOUND_LINE_SIZE);
    code = line != NULL ? converse(self, op, fd, question, line, err)
                        : host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    close(fd);
    if (code == REPLI_OK)
        code = understand(self, line, err);
    if (code == REPLI_OK)
        *ret_answer = line;
    else
        host->release(host, line);
    return code;
}

int32_t sound_tell(const sound *self, const repli_op *op, const char *question, repli_error *err) {
    char *answer;
    const int32_t code = sound_ask(self, op, question, &answer, err);
    if (code == REPLI_OK)
        self->host->release(self->host, answer);
    return code;
}

/* The node. */

int32_t sound_emit_directory(const sound *self, repli_sink *sink) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "tiny.example/directory";
    attribute.type = REPLI_VALUE_STRING;
    attribute.string = self->directory;
    return self->host->emit_attribute(sink, &attribute);
}

int32_t sound_emit_version(const sound *self, repli_sink *sink, repli_error *err) {
    char path[SOUND_PATH_SIZE];
    char number[64];
    sound_path(self, "version", path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd != -1 ? read(fd, number, sizeof(number) - 1) : -1;
    if (fd != -1)
        close(fd);
    if (size == -1)
        return sound_failed(self, REPLI_EIO, "read the version of", err);
    number[size] = '\0';
    number[strcspn(number, "\n")] = '\0';
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = number;
    return self->host->emit_version(sink, &version);
}

/* Begins with what needs no store that runs. The library makes a status of an error. */
int32_t sound_node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int32_t code = sound_emit_directory(self, sink);
    if (code == REPLI_OK)
        code = sound_emit_version(self, sink, err);
    if (code == REPLI_OK)
        code = sound_tell(self, op, "status", err);
    if (code == REPLI_OK)
        code = self->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
    return code;
}

int32_t sound_emit_number(const sound *self, repli_sink *sink, const char *name, int64_t number) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = name;
    attribute.type = REPLI_VALUE_INTEGER;
    attribute.integer = number;
    return self->host->emit_attribute(sink, &attribute);
}

int32_t sound_store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *cluster;
    int64_t offset, copied;
    int32_t code = sound_ask(self, op, "cluster", &cluster, err);
    if (code != REPLI_OK)
        return code;
    code = self->host->emit_cluster_id(sink, cluster);
    self->host->release(self->host, cluster);
    if (code == REPLI_OK)
        code = sound_offsets(self, op, &offset, &copied, err);
    if (code == REPLI_OK)
        code = sound_emit_number(self, sink, "tiny.example/size", offset);
    return code;
}

/* The shards. */

int32_t sound_offsets(const sound *self, const repli_op *op, int64_t *ret_offset,
                      int64_t *ret_copied, repli_error *err) {
    long long offset, copied;
    char *answer;
    int32_t code = sound_ask(self, op, "offsets", &answer, err);
    if (code != REPLI_OK)
        return code;
    if (sscanf(answer, "%lld %lld", &offset, &copied) != 2)
        code = self->host->error(self->host, err, REPLI_EPROTOCOL, NULL,
                                 "the store's offsets are no numbers", answer);
    self->host->release(self->host, answer);
    if (code == REPLI_OK) {
        *ret_offset = offset;
        *ret_copied = copied;
    }
    return code;
}

repli_shard sound_primary(int64_t offset) {
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "journal";
    shard.role = REPLI_ROLE_PRIMARY;
    shard.commit_offset = offset;
    shard.commit_offset_unit = "bytes";
    return shard;
}

repli_shard sound_copy(int64_t offset, int64_t copied) {
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "copy";
    shard.role = REPLI_ROLE_SECONDARY;
    shard.commit_offset = copied;
    shard.commit_offset_unit = "bytes";
    shard.lag = offset - copied;
    shard.lag_unit = "bytes";
    return shard;
}

int32_t sound_shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    const repli_shard primary = sound_primary(offset);
    const repli_shard copy = sound_copy(offset, copied);
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

/* The action: put an entry into the store. */

int32_t sound_describe(void *opened, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = PUT;
    kind.summary = "Put an entry into the store";
    kind.arguments = "key: text, one word";
    return ((const sound *)opened)->host->emit_action_kind(sink, &kind);
}

int32_t sound_validate(void *opened, const char *kind, const char *args_json, size_t args_size,
                       repli_error *err) {
    (void)kind; /* there is only one */
    const repli_host *host = ((const sound *)opened)->host;
    char key[SOUND_LINE_SIZE / 2];
    const int32_t code =
        host->json_string(host, args_json, args_size, "key", key, sizeof(key), err);
    if (code == REPLI_ENOTFOUND)
        return host->error(host, err, REPLI_EINVALID, NULL, "key is missing", NULL);
    if (code == REPLI_OK && (key[0] == '\0' || strpbrk(key, " \n") != NULL))
        return host->error(host, err, REPLI_EINVALID, NULL, "key must be one word", NULL);
    return code;
}

int32_t sound_emit_outcome(const sound *self, repli_sink *sink, int32_t phase) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    return self->host->emit_outcome(sink, &outcome);
}

int32_t sound_about_key(const sound *self, const repli_step *step, const char *verb,
                        char question[SOUND_LINE_SIZE], repli_error *err) {
    const char *args = step->action->args_json;
    char key[SOUND_LINE_SIZE / 2];
    const int32_t code =
        self->host->json_string(self->host, args, strlen(args), "key", key, sizeof(key), err);
    if (code == REPLI_OK)
        snprintf(question, SOUND_LINE_SIZE, "%s %s", verb, key);
    return code;
}

/* Looks first: the entry may be there from a step that nobody knows of any more. */
int32_t sound_step(void *opened, repli_op *op, const repli_step *step, repli_sink *sink,
                   repli_error *err) {
    const sound *self = opened;
    char question[SOUND_LINE_SIZE];
    char *answer;
    int32_t code = sound_about_key(self, step, "has", question, err);
    if (code == REPLI_OK)
        code = sound_ask(self, op, question, &answer, err);
    if (code != REPLI_OK)
        return code;
    const int present = strcmp(answer, "yes") == 0;
    self->host->release(self->host, answer);
    if (present)
        return sound_emit_outcome(self, sink, REPLI_PHASE_DONE);
    code = sound_about_key(self, step, "put", question, err);
    if (code == REPLI_OK)
        code = sound_tell(self, op, question, err);
    return code == REPLI_OK ? sound_emit_outcome(self, sink, REPLI_PHASE_RUNNING) : code;
}
