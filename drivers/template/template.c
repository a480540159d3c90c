/*
 * The smallest complete driver, made to be copied. README.md says how.
 *
 * Its datastore is a directory: each file in it called NAME.shard is a shard, whose size in bytes
 * is its commit offset, and the file "cluster" holds the id of the cluster that the node belongs
 * to. A node without that file is in no cluster; the action cluster.init writes it.
 *
 * For a store across a network replace what read_cluster() and shards() do by questions to it, and
 * see to it that each of them ends by host->deadline_ns(op): connections to a stopped process
 * succeed, and then nothing ever comes.
 */
#define _POSIX_C_SOURCE 200809L

#include <replicante/driver.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, ID_SIZE = 256 };

/* All that a driver remembers. There are no other variables that change. */
typedef struct instance {
    const repli_host *host;
    char directory[PATH_SIZE];
    char cluster[PATH_SIZE + 16]; /* path of the file of that name */
} instance;

static const repli_config_key directory_key = {
    .struct_size = sizeof(repli_config_key),
    .type = REPLI_CONFIG_STRING,
    .flags = REPLI_CONFIG_REQUIRED,
    .name = "directory",
    .summary = "absolute path of the directory that is the datastore",
};

static const repli_config_key *const config_keys[] = {&directory_key, NULL};

/* Errors are classified, because the node's status follows from the class. */
static int32_t failed(const instance *self, const char *what, repli_error *err) {
    const int reason = errno;
    int32_t code = REPLI_EIO;
    if (reason == ENOENT || reason == ENOTDIR)
        code = REPLI_EREFUSED; /* nothing is there: the node is Unavailable */
    else if (reason == EACCES || reason == EPERM || reason == EROFS)
        code = REPLI_EPERMISSION; /* it is there, but not for us: Unknown, with this message */
    char message[PATH_SIZE + 128];
    snprintf(message, sizeof(message), "cannot %s in %s: %s", what, self->directory,
             strerror(reason));
    return self->host->error(self->host, err, code, NULL, message, NULL);
}

/* The cluster's id; empty if the node is in no cluster. */
static int32_t read_cluster(const instance *self, char id[ID_SIZE], repli_error *err) {
    struct stat info;
    if (stat(self->directory, &info) == -1)
        return failed(self, "find the datastore", err);
    id[0] = '\0';
    const int fd = open(self->cluster, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return errno == ENOENT ? REPLI_OK : failed(self, "open the file cluster", err);
    memset(id, 0, ID_SIZE);
    int32_t code = REPLI_OK;
    if (read(fd, id, ID_SIZE - 1) == -1)
        code = failed(self, "read the file cluster", err);
    else
        id[strcspn(id, "\n")] = '\0'; /* people end files with a newline */
    close(fd);
    return code;
}

/* A node is opened while its store is down as well, so this only takes note of the configuration,
 * which has been checked against config_keys. */
static int32_t template_open(const repli_host *host, const char *config_json, size_t config_size,
                             void **ret_self, repli_error *err) {
    instance *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    self->host = host;
    const int32_t code = host->json_string(host, config_json, config_size, "directory",
                                           self->directory, sizeof(self->directory), err);
    if (code != REPLI_OK) {
        host->release(host, self);
        return code;
    }
    snprintf(self->cluster, sizeof(self->cluster), "%s/cluster", self->directory);
    *ret_self = self;
    return REPLI_OK;
}

static void template_close(void *opened) {
    instance *self = opened;
    self->host->release(self->host, self);
}

/* What serves the directory is the kernel, whose version is known whatever is in there. */
static int32_t emit_version(const instance *self, repli_sink *sink) {
    struct utsname kernel;
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    if (uname(&kernel) == -1 || sscanf(kernel.release, "%u.%u.%u", &major, &minor, &patch) < 2)
        return REPLI_OK; /* not known: nothing is emitted, rather than something made up */
    char number[40];
    snprintf(number, sizeof(number), "%u.%u.%u", major, minor, patch);
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = number;
    version.extra = kernel.release;
    return self->host->emit_version(sink, &version);
}

/* Begins with what needs no store. From then on an error may simply be returned: the library keeps
 * what was emitted and makes a status of the error. */
static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op; /* local files answer at once */
    const instance *self = opened;
    int32_t code = emit_version(self, sink);
    if (code != REPLI_OK)
        return code;
    char id[ID_SIZE];
    code = read_cluster(self, id, err);
    if (code != REPLI_OK)
        return code;
    if (id[0] == '\0')
        return self->host->emit_status(sink, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    if (access(self->directory, W_OK) == -1)
        return self->host->emit_status(sink, REPLI_STATUS_UNHEALTHY, "it cannot be written to");
    return self->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

/* What only a store that answers can tell. */
static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    const instance *self = opened;
    char id[ID_SIZE];
    int32_t code = read_cluster(self, id, err);
    if (code != REPLI_OK)
        return code;
    if (id[0] == '\0')
        return self->host->error(self->host, err, REPLI_ENOTFOUND, NULL,
                                 "this node is in no cluster: run cluster.init", NULL);
    code = self->host->emit_cluster_id(sink, id);
    if (code != REPLI_OK)
        return code;
    /* Attributes have names in a domain of the driver's own. */
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "template.example/directory";
    attribute.type = REPLI_VALUE_STRING;
    attribute.string = self->directory;
    return self->host->emit_attribute(sink, &attribute);
}

static int32_t emit_shard(const instance *self, int directory, const char *file, repli_sink *sink,
                          repli_error *err) {
    const char *end = strrchr(file, '.');
    if (end == NULL || end == file || strcmp(end, ".shard") != 0)
        return REPLI_OK;
    struct stat info;
    if (fstatat(directory, file, &info, 0) == -1)
        return errno == ENOENT ? REPLI_OK : failed(self, "look at a shard", err); /* just removed */
    char id[ID_SIZE];
    snprintf(id, sizeof(id), "%.*s", (int)(end - file), file);
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = id;
    shard.role = REPLI_ROLE_PRIMARY;
    shard.commit_offset = info.st_size;
    shard.commit_offset_unit = "bytes";
    return self->host->emit_shard(sink, &shard); /* has taken its copy when it returns */
}

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const instance *self = opened;
    const repli_host *host = self->host;
    DIR *files = opendir(self->directory);
    if (files == NULL)
        return failed(self, "list the shards", err);
    int32_t code = REPLI_OK;
    for (const struct dirent *entry; code == REPLI_OK && (entry = readdir(files)) != NULL;) {
        code = emit_shard(self, dirfd(files), entry->d_name, sink, err);
        if (code == REPLI_OK && host->cancelled(op))
            code = host->error(host, err, REPLI_ETIMEOUT, NULL, "too many files to list", NULL);
    }
    closedir(files);
    return code;
}

/* Actions. */

#define INIT "agent.replicante.io/cluster.init"

static int32_t actions_describe(void *opened, repli_sink *sink, repli_error *err) {
    (void)err;
    const instance *self = opened;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = INIT;
    kind.summary = "Make this node the first of a new cluster";
    kind.arguments = "cluster_id: text, the id of the cluster";
    return self->host->emit_action_kind(sink, &kind);
}

/* Bad arguments are refused before an action is accepted. */
static int32_t action_validate(void *opened, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err) {
    (void)kind; /* there is only one */
    const repli_host *host = ((const instance *)opened)->host;
    char id[ID_SIZE];
    const int32_t code =
        host->json_string(host, args_json, args_size, "cluster_id", id, sizeof(id), err);
    if (code == REPLI_OK && (id[0] == '\0' || strchr(id, '\n') != NULL))
        return host->error(host, err, REPLI_EINVALID, NULL, "cluster_id must be one line", NULL);
    return code == REPLI_ENOTFOUND
               ? host->error(host, err, REPLI_EINVALID, NULL, "cluster_id is missing", NULL)
               : code;
}

/* Under another name first, so that whatever happens the file is there in full or not at all. */
static int32_t write_cluster(const instance *self, const char *id, repli_error *err) {
    char fresh[PATH_SIZE + 32];
    snprintf(fresh, sizeof(fresh), "%s.new", self->cluster);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd == -1)
        return failed(self, "create the file cluster.new", err);
    int32_t code = REPLI_OK;
    if (dprintf(fd, "%s", id) < 0 || fsync(fd) == -1 || rename(fresh, self->cluster) == -1)
        code = failed(self, "write the file cluster", err);
    close(fd);
    return code;
}

/* What is left to be done, which doing it and telling it in advance both ask: the id to be written,
 * or "" if it is there already. */
static int32_t decide(const instance *self, const char *args, char write[ID_SIZE],
                      repli_error *err) {
    const repli_host *host = self->host;
    char present[ID_SIZE];
    int32_t code = host->json_string(host, args, strlen(args), "cluster_id", write, ID_SIZE, err);
    if (code == REPLI_OK)
        code = read_cluster(self, present, err);
    if (code != REPLI_OK || present[0] == '\0')
        return code;
    if (strcmp(present, write) != 0)
        return host->error(host, err, REPLI_ECONFLICT, NULL,
                           "this node is in another cluster already", present);
    write[0] = '\0';
    return REPLI_OK;
}

/*
 * One step, and this action has only one. Look first, then act: after a crash the library cannot
 * know whether the step had happened, and asks for it again.
 */
static int32_t action_step(void *opened, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err) {
    (void)op;
    const instance *self = opened;
    char write[ID_SIZE];
    int32_t code = decide(self, step->action->args_json, write, err);
    if (code == REPLI_OK && write[0] != '\0')
        code = write_cluster(self, write, err);
    if (code != REPLI_OK)
        return code; /* fails the action */
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return self->host->emit_outcome(sink, &outcome);
}

/* What that would do now. Optional: without it a dry run is refused. */
static int32_t action_plan(void *opened, repli_op *op, const char *kind, const char *args_json,
                           size_t args_size, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)kind;
    (void)args_size;
    const instance *self = opened;
    char write[ID_SIZE];
    const int32_t code = decide(self, args_json, write, err);
    if (code != REPLI_OK || write[0] == '\0')
        return code;
    char summary[PATH_SIZE + ID_SIZE + 64];
    snprintf(summary, sizeof(summary), "write \"%s\" into %s", write, self->cluster);
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.summary = summary;
    return self->host->emit_plan_step(sink, &step);
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "template",
    .version = "0.1.0",
    .store_id = "directory",
    .summary = "A directory with a file for each shard",
    .config_keys = config_keys,
    .open = template_open,
    .close = template_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = actions_describe,
    .action_validate = action_validate,
    .action_step = action_step,
    .action_plan = action_plan,
};

/* The one name that is exported: repli_driver_NAME_entry in a file called driver_NAME.so. */
REPLI_DRIVER_EXPORT const repli_driver *repli_driver_template_entry(uint32_t host_abi);

const repli_driver *repli_driver_template_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
