#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "redis.h"

#define KEY(id, type_, flags_, name_, default_, choices_, min_, max_, summary_)                    \
    static const repli_config_key id = {(uint32_t)sizeof(repli_config_key),                        \
                                        type_,                                                     \
                                        flags_,                                                    \
                                        0,                                                         \
                                        name_,                                                     \
                                        default_,                                                  \
                                        choices_,                                                  \
                                        min_,                                                      \
                                        max_,                                                      \
                                        summary_}
#define TEXT(id, flags, name, text, summary)                                                       \
    KEY(id, REPLI_CONFIG_STRING, flags, name, text, NULL, 0, 0, summary)

TEXT(cluster_id, REPLI_CONFIG_REQUIRED, "cluster_id", NULL,
     "id of the cluster, the same for all its nodes: Redis has none of its own");
TEXT(host, 0, "host", "127.0.0.1", "address of the server");
KEY(port, REPLI_CONFIG_INTEGER, 0, "port", "6379", NULL, 1, 65535, "port of the server");
TEXT(unix_socket, 0, "unix_socket", NULL, "path of the server's socket, instead of host and port");
TEXT(member, 0, "member", NULL,
     "\"host:port\" where other nodes reach this one (host and port; in cluster mode what the "
     "cluster tells)");
TEXT(user, 0, "user", NULL, "account that observes (the default user)");
TEXT(password, REPLI_CONFIG_SECRET, "password", NULL, "its password (no log-in)");
TEXT(admin_user, 0, "admin.user", NULL, "account that acts, on every node, if it is not user");
TEXT(admin_password, REPLI_CONFIG_SECRET, "admin.password", NULL, "its password");
KEY(lone_primary, REPLI_CONFIG_CHOICE, 0, "lone_primary", "in_cluster", "in_cluster|not_in_cluster",
    0, 0, "whether a primary that nobody follows is in a cluster, when not in cluster mode");

const repli_config_key *const repli__redis_config_keys[] = {
    &cluster_id, &host,       &port,           &unix_socket,  &member, &user,
    &password,   &admin_user, &admin_password, &lone_primary, NULL};

/* Where the value of each text goes. */
static const struct {
    const repli_config_key *key;
    size_t offset, size;
} members[] = {
#define MEMBER(id, name)                                                                           \
    { &id, offsetof(repli__redis_config, name), sizeof(((repli__redis_config *)NULL)->name) }
    MEMBER(cluster_id, cluster_id),   MEMBER(host, host),
    MEMBER(unix_socket, unix_socket), MEMBER(member, member),
    MEMBER(user, monitor.user),       MEMBER(password, monitor.password),
    MEMBER(admin_user, admin.user),   MEMBER(admin_password, admin.password),
};

static int32_t read_text(repli__redis *redis, const char *json, size_t size, size_t index,
                         repli_error *err) {
    const char *name = members[index].key->name;
    char *text = (char *)&redis->config + members[index].offset;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        redis->host->json_string(redis->host, json, size, name, text, members[index].size, &error);
    if (code == REPLI_EFULL)
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: %s is longer than %zu bytes", name,
                                 members[index].size - 1);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return repli__redis_pass(redis, err, &error, "configuration");
    if (strpbrk(text, "\r\n"))
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: %s must be a single line", name);
    return REPLI_OK;
}

static int32_t check(const repli__redis *redis, repli_error *err) {
    const repli__redis_config *config = &redis->config;
    if (!*config->cluster_id)
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: cluster_id must not be empty");
    if (*config->unix_socket && config->unix_socket[0] != '/')
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: unix_socket must be an absolute path");
    if (*config->monitor.user && !*config->monitor.password)
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: user needs a password");
    if (*config->admin.user && !*config->admin.password)
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "configuration: admin.user needs admin.password");
    return REPLI_OK;
}

int32_t repli__redis_config_load(repli__redis *redis, const char *json, size_t size,
                                 repli_error *err) {
    repli__redis_config *config = &redis->config;
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < sizeof(members) / sizeof(*members); i++)
        code = read_text(redis, json, size, i, err);
    int64_t number = 6379;
    if (code == REPLI_OK)
        code = redis->host->json_integer(redis->host, json, size, port.name, &number, err);
    char choice[32] = "";
    if (code == REPLI_OK || code == REPLI_ENOTFOUND)
        code = redis->host->json_string(redis->host, json, size, lone_primary.name, choice,
                                        sizeof(choice), err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    snprintf(config->port, sizeof(config->port), "%u", (unsigned)(number & 0xFFFF));
    config->lone_primary_is_in_cluster = strcmp(choice, "not_in_cluster") != 0;
    if (!*config->admin.user && !*config->admin.password)
        config->admin = config->monitor;
    return check(redis, err);
}
