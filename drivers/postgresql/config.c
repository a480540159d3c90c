#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "postgresql.h"

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
#define TEXT(id, name, summary) KEY(id, REPLI_CONFIG_STRING, 0, name, NULL, NULL, 0, 0, summary)
#define SECRET(id, name, summary)                                                                  \
    KEY(id, REPLI_CONFIG_STRING, REPLI_CONFIG_SECRET, name, NULL, NULL, 0, 0, summary)
#define LIST(id, name, summary) KEY(id, REPLI_CONFIG_STRINGS, 0, name, NULL, NULL, 0, 0, summary)

SECRET(conninfo, "conninfo",
       "connection string of the server, instead of or beside the keys below");
TEXT(host, "host", "address, or directory of the UNIX socket (127.0.0.1)");
KEY(port, REPLI_CONFIG_INTEGER, 0, "port", NULL, NULL, 1, 65535, "port (5432)");
TEXT(dbname, "dbname", "database to connect to (postgres)");
TEXT(user, "user", "monitoring account, a member of pg_monitor");
SECRET(password, "password", "its password");
KEY(application_name, REPLI_CONFIG_STRING, 0, "application_name", "repliagent", NULL, 0, 0,
    "how connections name themselves in pg_stat_activity");
KEY(sslmode, REPLI_CONFIG_CHOICE, 0, "sslmode", NULL,
    "disable|allow|prefer|require|verify-ca|verify-full", 0, 0,
    "TLS of connections to this and other nodes");
TEXT(sslrootcert, "sslrootcert", "file with the certificates that sign those of servers");
TEXT(sslcert, "sslcert", "file with the client certificate");
TEXT(sslkey, "sslkey", "file with the client certificate's key");
TEXT(admin_user, "admin.user", "account that acts on this node, if it is not user");
SECRET(admin_password, "admin.password", "its password");
TEXT(replication_user, "replication.user", "account with the REPLICATION attribute, on every node");
SECRET(replication_password, "replication.password", "its password");
TEXT(rewind_user, "rewind.user", "account that pg_rewind uses on the new primary");
SECRET(rewind_password, "rewind.password", "its password");
KEY(lone_primary, REPLI_CONFIG_CHOICE, 0, "lone_primary", "in_cluster", "in_cluster|not_in_cluster",
    0, 0, "whether a primary without followers, slots and replication account is in a cluster");
KEY(silence_limit, REPLI_CONFIG_INTEGER, 0, "silence_limit_ms", NULL, NULL, 1000, 86400000,
    "silence of the upstream, in milliseconds, that is a fault (from the server's time-outs)");
TEXT(bin_directory, "bin_directory", "directory of pg_ctl, pg_basebackup, initdb, pg_rewind");
TEXT(data_directory, "data_directory", "data directory of this node");
TEXT(config_file, "config_file", "postgresql.conf, if it is not in the data directory");
TEXT(work_directory, "work_directory",
     "directory for marks, logs and the password file of actions (data_directory.replicante)");
TEXT(slot_name, "slot_name", "replication slot of this node on its primary");
LIST(settings, "settings", "this node's own settings, each \"name=value\", written after a copy");
TEXT(service_unit, "service.unit", "systemd unit of the server");
LIST(service_start, "service.start", "command that starts the server");
LIST(service_stop, "service.stop", "command that stops the server");
LIST(service_restart, "service.restart", "command that restarts the server");
LIST(service_status, "service.status", "command that exits with 0 if the server runs");

const repli_config_key *const repli__pg_config_keys[] = {&conninfo,
                                                         &host,
                                                         &port,
                                                         &dbname,
                                                         &user,
                                                         &password,
                                                         &application_name,
                                                         &sslmode,
                                                         &sslrootcert,
                                                         &sslcert,
                                                         &sslkey,
                                                         &admin_user,
                                                         &admin_password,
                                                         &replication_user,
                                                         &replication_password,
                                                         &rewind_user,
                                                         &rewind_password,
                                                         &lone_primary,
                                                         &silence_limit,
                                                         &bin_directory,
                                                         &data_directory,
                                                         &config_file,
                                                         &work_directory,
                                                         &slot_name,
                                                         &settings,
                                                         &service_unit,
                                                         &service_start,
                                                         &service_stop,
                                                         &service_restart,
                                                         &service_status,
                                                         NULL};

/* Where the value of each key goes that is a text (char *) or a list of them (char **). */
static const struct {
    const repli_config_key *key;
    size_t offset;
} members[] = {
    {&conninfo, offsetof(repli__pg_config, conninfo)},
    {&host, offsetof(repli__pg_config, host)},
    {&dbname, offsetof(repli__pg_config, dbname)},
    {&user, offsetof(repli__pg_config, monitor.user)},
    {&password, offsetof(repli__pg_config, monitor.password)},
    {&application_name, offsetof(repli__pg_config, application_name)},
    {&sslmode, offsetof(repli__pg_config, sslmode)},
    {&sslrootcert, offsetof(repli__pg_config, sslrootcert)},
    {&sslcert, offsetof(repli__pg_config, sslcert)},
    {&sslkey, offsetof(repli__pg_config, sslkey)},
    {&admin_user, offsetof(repli__pg_config, admin.user)},
    {&admin_password, offsetof(repli__pg_config, admin.password)},
    {&replication_user, offsetof(repli__pg_config, replication.user)},
    {&replication_password, offsetof(repli__pg_config, replication.password)},
    {&rewind_user, offsetof(repli__pg_config, rewind.user)},
    {&rewind_password, offsetof(repli__pg_config, rewind.password)},
    {&lone_primary, offsetof(repli__pg_config, lone_primary)},
    {&bin_directory, offsetof(repli__pg_config, bin_directory)},
    {&data_directory, offsetof(repli__pg_config, data_directory)},
    {&config_file, offsetof(repli__pg_config, config_file)},
    {&work_directory, offsetof(repli__pg_config, work_directory)},
    {&slot_name, offsetof(repli__pg_config, slot_name)},
    {&settings, offsetof(repli__pg_config, settings)},
    {&service_unit, offsetof(repli__pg_config, service_unit)},
    {&service_start, offsetof(repli__pg_config, service_start)},
    {&service_stop, offsetof(repli__pg_config, service_stop)},
    {&service_restart, offsetof(repli__pg_config, service_restart)},
    {&service_status, offsetof(repli__pg_config, service_status)},
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(*members) };

/* The member of config that belongs to members[index]: a char ** or, for a list, a char ***. */
static void *member(repli__pg_config *config, size_t index) {
    return (char *)config + members[index].offset;
}

enum { MAX_TEXT = 4096 };

typedef struct reader {
    repli__pg *pg;
    const char *json;
    size_t size;
    int32_t code; /* the first failure; later reads then do nothing */
    repli_error *err;
} reader;

static char *copy(reader *in, const char *text) {
    const size_t size = strlen(text) + 1;
    char *made = in->pg->host->alloc(in->pg->host, size);
    if (!made)
        in->code = repli__pg_nomem(in->pg, in->err);
    return made ? memcpy(made, text, size) : NULL;
}

static void read_text(reader *in, const char *path, char **ret_text) {
    char value[MAX_TEXT];
    if (in->code)
        return;
    const int32_t code = in->pg->host->json_string(in->pg->host, in->json, in->size, path, value,
                                                   sizeof(value), in->err);
    if (code == REPLI_OK && strpbrk(value, "\n\r"))
        in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                  "configuration: %s must be a single line", path);
    else if (code == REPLI_OK && *value)
        *ret_text = copy(in, value);
    else if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        in->code = code;
}

static int64_t read_integer(reader *in, const char *path, int64_t otherwise) {
    int64_t value = otherwise;
    if (in->code)
        return otherwise;
    const int32_t code =
        in->pg->host->json_integer(in->pg->host, in->json, in->size, path, &value, in->err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        in->code = code;
    return value;
}

static void read_list(reader *in, const char *name, char ***ret_list) {
    size_t count = 0, capacity = 0;
    char **list = NULL;
    while (!in->code) {
        if (count + 1 >= capacity) {
            capacity = capacity ? capacity * 2 : 8;
            char **larger = in->pg->host->resize(in->pg->host, list, capacity * sizeof(char *));
            if (!larger) {
                in->code = repli__pg_nomem(in->pg, in->err);
                break;
            }
            list = larger;
        }
        char path[64];
        snprintf(path, sizeof(path), "%s.%zu", name, count);
        list[count] = NULL;
        read_text(in, path, &list[count]);
        if (!list[count])
            break;
        list[++count] = NULL;
    }
    if (count == 0) {
        in->pg->host->release(in->pg->host, list);
        list = NULL;
    }
    *ret_list = list;
}

static int32_t check(repli__pg *pg, repli_error *err) {
    const repli__pg_config *config = &pg->config;
    char *problem = NULL;
    PQconninfoOption *options =
        config->conninfo ? PQconninfoParse(config->conninfo, &problem) : NULL;
    if (config->conninfo && !options) {
        const int32_t code =
            repli__pg_fail(pg, err, REPLI_EINVALID, NULL, "configuration: conninfo: %s",
                           problem ? problem : "cannot be read");
        PQfreemem(problem);
        return code;
    }
    PQconninfoFree(options);
    const char *const paths[] = {config->data_directory, config->bin_directory,
                                 config->work_directory, config->config_file};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        if (paths[i] && paths[i][0] != '/')
            return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                                  "configuration: \"%s\" must be an absolute path", paths[i]);
    for (char **setting = config->settings; setting && *setting; setting++)
        if (!strchr(*setting, '=') || **setting == '=')
            return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                                  "configuration: settings: \"%s\" is not name=value", *setting);
    return REPLI_OK;
}

int32_t repli__pg_config_load(repli__pg *pg, const char *json, size_t size, repli_error *err) {
    reader in = {pg, json, size, REPLI_OK, err};
    repli__pg_config *config = &pg->config;

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].key->type == REPLI_CONFIG_STRINGS)
            read_list(&in, members[i].key->name, member(config, i));
        else
            read_text(&in, members[i].key->name, member(config, i));
    }
    config->silence_limit_ms = read_integer(&in, silence_limit.name, 0);
    const int64_t number = read_integer(&in, port.name, 0);
    if (!in.code && number > 0) {
        char digits[24];
        snprintf(digits, sizeof(digits), "%lld", (long long)number);
        config->port = copy(&in, digits);
    }
    if (!in.code && config->data_directory && !config->work_directory) {
        char beside[MAX_TEXT + sizeof(".replicante")];
        snprintf(beside, sizeof(beside), "%s.replicante", config->data_directory);
        config->work_directory = copy(&in, beside);
    }
    return in.code ? in.code : check(pg, err);
}

static void free_list(repli__pg *pg, char **list) {
    for (char **item = list; item && *item; item++)
        pg->host->release(pg->host, *item);
    pg->host->release(pg->host, list);
}

void repli__pg_config_free(repli__pg *pg) {
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].key->type == REPLI_CONFIG_STRINGS)
            free_list(pg, *(char ***)member(&pg->config, i));
        else
            pg->host->release(pg->host, *(char **)member(&pg->config, i));
    }
    pg->host->release(pg->host, pg->config.port);
    pg->config = (repli__pg_config){0};
}

const char *repli__pg_config_host(const repli__pg_config *config) {
    return config->host ? config->host : config->conninfo ? NULL : "127.0.0.1";
}

const char *repli__pg_config_port(const repli__pg_config *config) {
    return config->port ? config->port : config->conninfo ? NULL : "5432";
}

int repli__pg_config_lone_is_member(const repli__pg_config *config) {
    return !config->lone_primary || strcmp(config->lone_primary, "not_in_cluster") != 0;
}
