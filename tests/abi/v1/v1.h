#ifndef ABI_V1_H
#define ABI_V1_H

/*
 * The binary interface of the first release, written down here and not taken from the headers of
 * today: the files beside it stand for the drivers and programs that are out there. Never change
 * it.
 */

#include <stddef.h>
#include <stdint.h>

enum {
    V1_ENOTFOUND = -8,
    V1_EINVALID = -13,
    V1_ENOMEM = -20,
    V1_ENOTSUP = -21,
    V1_HEALTHY = 6,
    V1_PRIMARY = 1,
    V1_STRING = 1,
    V1_INTEGER = 2,
    V1_REAL = 3,
    V1_BOOLEAN = 4,
    V1_RUNNING = 2,
    V1_DONE = 3,
    V1_FAILED = 4,
    V1_PROCESS_RUNNING = 1,
    V1_LOG_INFO = 3,
    V1_CONFIG_INTEGER = 2,
    V1_MAY_WRITE = 1,
    V1_DRIVER_ABI = 1
};

#define V1_TIME_NONE INT64_MIN

typedef struct v1_error {
    uint32_t struct_size;
    int32_t code;
    char origin[32];
    char native[32];
    char message[512];
    char cause[256];
} v1_error;

/* The model. */

typedef struct v1_attribute {
    uint32_t struct_size;
    int32_t type;
    const char *name;
    const char *string;
    int64_t integer;
    double real;
} v1_attribute;

typedef struct v1_address {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    const char *address;
} v1_address;

typedef struct v1_version {
    uint32_t struct_size;
    uint32_t reserved;
    const char *number;
    const char *checkout;
    const char *extra;
} v1_version;

typedef struct v1_shard {
    uint32_t struct_size;
    int32_t role;
    const char *id;
    const char *role_reason;
    int64_t commit_offset;
    const char *commit_offset_unit;
    int64_t lag;
    const char *lag_unit;
} v1_shard;

typedef struct v1_node {
    uint32_t struct_size;
    int32_t status;
    const char *status_reason;
    const char *node_id;
    const char *store_id;
    v1_version agent_version;
    v1_version store_version;
    const v1_address *addresses;
    size_t address_count;
    const v1_attribute *attributes;
    size_t attribute_count;
} v1_node;

typedef struct v1_store_extras {
    uint32_t struct_size;
    uint32_t reserved;
    const char *cluster_id;
    const v1_attribute *attributes;
    size_t attribute_count;
} v1_store_extras;

typedef struct v1_shards {
    uint32_t struct_size;
    uint32_t reserved;
    const v1_shard *shards;
    size_t shard_count;
} v1_shards;

typedef struct v1_header {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    const char *value;
} v1_header;

typedef struct v1_transition {
    uint32_t struct_size;
    int32_t phase;
    int64_t time_ns;
    const char *payload_json;
    const char *error_json;
} v1_transition;

typedef struct v1_action {
    uint32_t struct_size;
    int32_t phase;
    const char *id;
    const char *kind;
    const char *args_json;
    const char *requester;
    const v1_header *headers;
    size_t header_count;
    int64_t created_ns;
    int64_t scheduled_ns;
    int64_t finished_ns;
    const char *payload_json;
    const char *error_json;
    const v1_transition *history;
    size_t history_count;
} v1_action;

typedef struct v1_action_summary {
    uint32_t struct_size;
    int32_t phase;
    const char *id;
    const char *kind;
} v1_action_summary;

/* Drivers. */

typedef struct v1_config_key {
    uint32_t struct_size;
    int32_t type;
    uint32_t flags;
    uint32_t reserved;
    const char *name;
    const char *default_text;
    const char *choices;
    int64_t min;
    int64_t max;
    const char *summary;
} v1_config_key;

typedef struct v1_action_kind {
    uint32_t struct_size;
    uint32_t reserved;
    const char *kind;
    const char *summary;
    const char *arguments;
} v1_action_kind;

typedef struct v1_step {
    uint32_t struct_size;
    uint32_t flags;
    uint64_t number;
    const v1_action *action;
} v1_step;

typedef struct v1_outcome {
    uint32_t struct_size;
    int32_t phase;
    const char *payload_json;
    const char *error;
    const char *error_cause;
    int64_t next_step_ms;
} v1_outcome;

typedef struct v1_command {
    uint32_t struct_size;
    uint32_t reserved;
    const char *const *argv;
    const char *const *env;
    const char *directory;
    const char *input;
    size_t input_size;
    const char *output_path;
} v1_command;

typedef struct v1_process {
    uint32_t struct_size;
    int32_t state;
    int64_t pid;
    uint64_t start_time;
    int32_t exit_code;
    int32_t reserved;
} v1_process;

typedef struct v1_op v1_op;
typedef struct v1_sink v1_sink;
typedef struct v1_host v1_host;

struct v1_host {
    uint32_t struct_size;
    uint32_t abi_version;
    void (*log)(const v1_host *host, int32_t level, const char *message);
    void *(*alloc)(const v1_host *host, size_t size);
    void *(*resize)(const v1_host *host, void *ptr, size_t size);
    void (*release)(const v1_host *host, void *ptr);
    uint64_t (*now_ns)(const v1_host *host);
    uint64_t (*deadline_ns)(const v1_op *op);
    int32_t (*cancelled)(const v1_op *op);
    const char *(*running_action)(const v1_op *op);
    int32_t (*error)(const v1_host *host, v1_error *err, int32_t code, const char *native,
                     const char *message, const char *cause);
    int32_t (*emit_status)(v1_sink *sink, int32_t status, const char *reason);
    int32_t (*emit_version)(v1_sink *sink, const v1_version *version);
    int32_t (*emit_address)(v1_sink *sink, const v1_address *address);
    int32_t (*emit_attribute)(v1_sink *sink, const v1_attribute *attribute);
    int32_t (*emit_cluster_id)(v1_sink *sink, const char *cluster_id);
    int32_t (*emit_shard)(v1_sink *sink, const v1_shard *shard);
    int32_t (*emit_action_kind)(v1_sink *sink, const v1_action_kind *kind);
    int32_t (*emit_outcome)(v1_sink *sink, const v1_outcome *outcome);
    int32_t (*process_run)(const v1_host *host, const v1_op *op, const v1_command *command,
                           char *output, size_t output_size, int32_t *ret_exit_code, v1_error *err);
    int32_t (*process_start)(const v1_host *host, const v1_command *command,
                             v1_process *ret_process, v1_error *err);
    int32_t (*process_poll)(const v1_host *host, v1_process *process, v1_error *err);
    int32_t (*process_signal)(const v1_host *host, const v1_process *process, int32_t signal_number,
                              v1_error *err);
    int32_t (*json_string)(const v1_host *host, const char *json, size_t size, const char *path,
                           char *ret_text, size_t text_size, v1_error *err);
    int32_t (*json_integer)(const v1_host *host, const char *json, size_t size, const char *path,
                            int64_t *ret_value, v1_error *err);
    int32_t (*json_boolean)(const v1_host *host, const char *json, size_t size, const char *path,
                            int32_t *ret_value, v1_error *err);
};

typedef struct v1_driver {
    uint32_t struct_size;
    uint32_t abi_version;
    uint64_t capabilities;
    const char *name;
    const char *version;
    const char *store_id;
    const char *summary;
    const v1_config_key *const *config_keys;
    int32_t (*open)(const v1_host *host, const char *config_json, size_t config_size,
                    void **ret_self, v1_error *err);
    void (*close)(void *self);
    int32_t (*node_info)(void *self, v1_op *op, v1_sink *sink, v1_error *err);
    int32_t (*store_info)(void *self, v1_op *op, v1_sink *sink, v1_error *err);
    int32_t (*shards)(void *self, v1_op *op, v1_sink *sink, v1_error *err);
    int32_t (*actions_describe)(void *self, v1_sink *sink, v1_error *err);
    int32_t (*action_validate)(void *self, const char *kind, const char *args_json,
                               size_t args_size, v1_error *err);
    int32_t (*action_step)(void *self, v1_op *op, const v1_step *step, v1_sink *sink,
                           v1_error *err);
    void (*cancel)(void *self, v1_op *op);
} v1_driver;

/* Programs. */

typedef struct v1_allocator {
    uint32_t struct_size;
    uint32_t reserved;
    void *(*malloc_fn)(size_t size, void *user_data);
    void *(*realloc_fn)(void *ptr, size_t size, void *user_data);
    void (*free_fn)(void *ptr, void *user_data);
    void *user_data;
} v1_allocator;

typedef struct v1_buf {
    char *data;
    size_t size;
    size_t capacity;
    const v1_allocator *allocator;
} v1_buf;

typedef struct v1_request {
    uint32_t struct_size;
    uint32_t reserved;
    const char *kind;
    const char *args_json;
    const char *id;
    int64_t created_ns;
    const char *requester;
    const v1_header *headers;
    size_t header_count;
} v1_request;

typedef struct v1_config v1_config;
typedef struct v1_agent v1_agent;
typedef struct v1_snapshot v1_snapshot;
typedef struct v1_doc v1_doc;

int32_t repli_config_new(const v1_allocator *allocator, v1_config **ret_config, v1_error *err);
void repli_config_free(v1_config *config);
int32_t repli_config_set_str(v1_config *config, const char *key, const char *value, v1_error *err);
int32_t repli_config_set_int(v1_config *config, const char *key, int64_t value, v1_error *err);
int32_t repli_config_set_log(v1_config *config, int32_t level,
                             void (*log)(int32_t level, const char *origin, const char *message,
                                         void *user_data),
                             void *user_data, v1_error *err);
int32_t repli_config_load_driver(v1_config *config, const char *name_or_path, const char *directory,
                                 v1_error *err);
const v1_driver *repli_config_driver(const v1_config *config);
int32_t repli_config_set_driver_config(v1_config *config, const char *json, size_t size,
                                       v1_error *err);
int32_t repli_config_add_action(v1_config *config, const v1_action_kind *kind,
                                int32_t (*validate)(void *user_data, const char *kind,
                                                    const char *args_json, size_t args_size,
                                                    v1_error *err),
                                int32_t (*step)(void *user_data, const v1_host *host, v1_op *op,
                                                const v1_step *step, v1_sink *sink, v1_error *err),
                                void *user_data, v1_error *err);
int32_t repli_agent_new(const v1_config *config, v1_agent **ret_agent, v1_error *err);
int32_t repli_agent_start(v1_agent *agent, v1_error *err);
int32_t repli_agent_stop(v1_agent *agent, int64_t timeout_ms, v1_error *err);
void repli_agent_free(v1_agent *agent);
int32_t repli_agent_ready(v1_agent *agent, v1_error *err);
int32_t repli_agent_snapshot(v1_agent *agent, v1_snapshot **ret_snapshot, v1_error *err);
void repli_snapshot_unref(v1_snapshot *snapshot);
const v1_node *repli_snapshot_node(const v1_snapshot *snapshot);
const v1_store_extras *repli_snapshot_store(const v1_snapshot *snapshot, v1_error *err);
const v1_shards *repli_snapshot_shards(const v1_snapshot *snapshot, v1_error *err);
int32_t repli_agent_schedule(v1_agent *agent, const v1_request *request, char ret_id[37],
                             v1_error *err);
int32_t repli_agent_action(v1_agent *agent, const char *id, v1_doc **ret_doc,
                           const v1_action **ret_action, v1_error *err);
int32_t repli_agent_finished(v1_agent *agent, uint32_t limit, const char *before_id,
                             v1_doc **ret_doc, const v1_action_summary **ret_summaries,
                             size_t *ret_count, v1_error *err);
void repli_doc_free(v1_doc *doc);
int32_t repli_agent_action_kinds(v1_agent *agent,
                                 int32_t (*visit)(void *user_data, const v1_action_kind *kind),
                                 void *user_data, v1_error *err);
int32_t repli_node_to_json(const v1_node *node, v1_buf *ret_json, v1_error *err);
int32_t repli_error_from_json(const char *json, size_t size, v1_error *ret_error, v1_error *err);
void repli_buf_dispose(v1_buf *buf);

typedef struct v1_http_request {
    uint32_t struct_size;
    uint32_t flags;
    const char *method;
    const char *target;
    const char *body;
    size_t body_size;
    const char *peer;
} v1_http_request;

typedef struct v1_http_response {
    uint32_t struct_size;
    int32_t status;
    const char *content_type;
    const char *body;
    size_t body_size;
    const char *allow;
    v1_snapshot *snapshot;
    int64_t age_ms;
    int32_t retry_after_s;
    int32_t reserved;
} v1_http_response;

typedef struct v1_http_options {
    uint32_t struct_size;
    int32_t writes;
    const char *bind;
    const char *unix_path;
    uint32_t unix_mode;
    uint32_t max_connections;
    const char *tls_cert_pem;
    const char *tls_key_pem;
    const char *tls_client_ca_pem;
    const char *health_bind;
    uint32_t request_timeout_ms;
    uint32_t keep_alive_ms;
    uint64_t max_body;
} v1_http_options;

typedef struct v1_http_server v1_http_server;

int32_t repli_http_handle(v1_agent *agent, const v1_http_request *request,
                          void (*respond)(void *user_data, const v1_http_response *response),
                          void *user_data, v1_error *err);
int32_t repli_http_server_new(v1_agent *agent, const v1_http_options *options,
                              v1_http_server **ret_server, v1_error *err);
int32_t repli_http_server_port(const v1_http_server *server);
void repli_http_server_free(v1_http_server *server, int64_t timeout_ms);

#endif
