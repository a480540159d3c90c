#ifndef SOUND_H
#define SOUND_H

#include <replicante/driver.h>

/*
 * A driver for the store in ../../store that keeps every rule of "repliagent check", in parts. Each
 * driver in the folder above is this one with a part or two in which something is wrong.
 */

enum { SOUND_PATH_SIZE = 1024, SOUND_LINE_SIZE = 256 };

typedef struct sound {
    const repli_host *host;
    char directory[SOUND_PATH_SIZE]; /* of the store */
    char password[SOUND_LINE_SIZE];
    /* What a broken driver remembers between calls, 0 at first. The sound one remembers nothing,
     * so that its calls may run at once. */
    int64_t number;
    void *pointer;
} sound;

/* The methods. */
int32_t sound_open(const repli_host *host, const char *config_json, size_t config_size,
                   void **ret_self, repli_error *err);
void sound_close(void *self);
int32_t sound_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t sound_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t sound_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t sound_describe(void *self, repli_sink *sink, repli_error *err);
int32_t sound_validate(void *self, const char *kind, const char *args_json, size_t args_size,
                       repli_error *err);
int32_t sound_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                   repli_error *err);
void sound_cancel(void *self, repli_op *op);

/* Their parts. */

/* Ask the store one question. *ret_answer is what it said after "ok", to be released. */
int32_t sound_ask(const sound *self, const repli_op *op, const char *question, char **ret_answer,
                  repli_error *err);
/* The same where only "ok" counts. */
int32_t sound_tell(const sound *self, const repli_op *op, const char *question, repli_error *err);
/* A connection to a socket of that path; ends by the deadline, and when the call is cancelled. */
int32_t sound_connect(const sound *self, const repli_op *op, const char *path, int *ret_fd,
                      repli_error *err);
/* Wait until the descriptor has these events. */
int32_t sound_wait(const sound *self, const repli_op *op, int fd, short events, repli_error *err);
/* What went wrong, with errno as the cause. */
int32_t sound_failed(const sound *self, int32_t code, const char *what, repli_error *err);
/* Path of a file in the store's directory. */
void sound_path(const sound *self, const char *name, char path[SOUND_PATH_SIZE]);

int32_t sound_emit_directory(const sound *self, repli_sink *sink);
/* The version of the store from its directory, where it can be read whether the store runs or not.
 */
int32_t sound_emit_version(const sound *self, repli_sink *sink, repli_error *err);
int32_t sound_emit_number(const sound *self, repli_sink *sink, const char *name, int64_t number);
int32_t sound_offsets(const sound *self, const repli_op *op, int64_t *ret_offset,
                      int64_t *ret_copied, repli_error *err);
repli_shard sound_primary(int64_t offset);
repli_shard sound_copy(int64_t offset, int64_t copied);
int32_t sound_emit_outcome(const sound *self, repli_sink *sink, int32_t phase);
/* The question about the entry that an action is to put, such as "has" and its key. */
int32_t sound_about_key(const sound *self, const repli_step *step, const char *verb,
                        char question[SOUND_LINE_SIZE], repli_error *err);

extern const repli_config_key *const sound_config_keys[];

/* The table; what comes after it wins. */
#define SOUND_TABLE(driver_name)                                                                   \
    .struct_size = sizeof(repli_driver), .abi_version = REPLI_DRIVER_ABI,                          \
    .capabilities = REPLI_CAP_CONCURRENT | REPLI_CAP_CANCEL, .name = driver_name,                  \
    .version = "1.0.0", .store_id = "tiny", .summary = "A driver for tests of the check",          \
    .config_keys = sound_config_keys, .open = sound_open, .close = sound_close,                    \
    .node_info = sound_node_info, .store_info = sound_store_info, .shards = sound_shards,          \
    .actions_describe = sound_describe, .action_validate = sound_validate,                         \
    .action_step = sound_step, .cancel = sound_cancel

/* ENTRY(NAME) { …; } is the body of a driver's entry function. */
#define ENTRY(driver_name)                                                                         \
    REPLI_DRIVER_EXPORT const repli_driver *repli_driver_##driver_name##_entry(uint32_t host_abi); \
    const repli_driver *repli_driver_##driver_name##_entry(uint32_t host_abi)

/* DRIVER(NAME, .method = function, ...) is the sound driver with other methods. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define DRIVER(driver_name, ...)                                                                   \
    static const repli_driver driver = {SOUND_TABLE(#driver_name), __VA_ARGS__};                   \
    ENTRY(driver_name) {                                                                           \
        return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;                                      \
    }

#endif
