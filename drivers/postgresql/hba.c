#include "hba.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "postgresql.h"
#include "service.h"
#include "session.h"
#include "text.h"

/* Where the server keeps the file, as a directory and a name in it. */
static int32_t locate(repli__pg_task *task, char *ret_directory, size_t size, const char **ret_name,
                      repli_error *err) {
    repli__pg *pg = task->pg;
    PGresult *result = NULL;
    const int32_t code = repli__pg_query(
        pg, task->op, &pg->watch, "SELECT current_setting('hba_file')", 0, NULL, &result, err);
    if (code != REPLI_OK)
        return code;
    snprintf(ret_directory, size, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    char *slash = strrchr(ret_directory, '/');
    if (!slash || slash == ret_directory)
        return repli__pg_fail(pg, err, REPLI_EPROTOCOL, NULL, "hba_file of the server is \"%s\"",
                              ret_directory);
    *slash = '\0';
    *ret_name = slash + 1;
    return REPLI_OK;
}

/* "192.0.2.7:5432", "192.0.2.7", "192.0.2.0/24" or a name, as pg_hba.conf wants it. */
static void as_network(const char *address, char *ret_text, size_t size) {
    char host[256];
    unsigned char binary[16];
    snprintf(host, sizeof(host), "%s", address);
    char *colon = strchr(host, ':');
    if (*host == '[') {
        memmove(host, host + 1, strlen(host));
        host[strcspn(host, "]")] = '\0';
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
    }
    const char *suffix = inet_pton(AF_INET, host, binary) == 1    ? "/32"
                         : inet_pton(AF_INET6, host, binary) == 1 ? "/128"
                                                                  : "";
    snprintf(ret_text, size, "%s%s", host, suffix);
}

static int is_tagged(const char *line, size_t length, const char *tag) {
    const size_t tag_length = strlen(tag);
    return length > tag_length && strncmp(line + length - tag_length, tag, tag_length) == 0;
}

/* The file without the lines of that tag, and with line (may be NULL) at its end. */
static void compose(repli__pg_text *text, const char *old, const char *tag, const char *line) {
    while (*old) {
        const size_t length = strcspn(old, "\n");
        if (!is_tagged(old, length, tag)) {
            repli__pg_text_add_bytes(text, old, length);
            repli__pg_text_add(text, "\n");
        }
        old += length + (old[length] == '\n');
    }
    if (line)
        repli__pg_text_printf(text, "%s%s\n", line, tag);
}

static int32_t reload(repli__pg_task *task, repli_error *err) {
    repli__pg_link link = {NULL, ""};
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__pg_admin(task, &link, &error);
    if (code == REPLI_OK)
        code = repli__pg_execute(task->pg, task->op, &link, "SELECT pg_reload_conf()", 0, NULL,
                                 &error);
    repli__pg_disconnect(&link);
    if (code == REPLI_EPERMISSION && task->pg->config.data_directory)
        return repli__pg_service_reload(task->pg, task->op, err);
    return code ? repli__pg_pass(task->pg, err, &error, "pg_hba.conf was changed, but not read")
                : REPLI_OK;
}

/* Replace what the file says under tag by line. */
static int32_t change(repli__pg_task *task, const char *tag, const char *line, repli_error *err) {
    repli__pg *pg = task->pg;
    char directory[4096], *old = NULL;
    const char *name = NULL;
    int32_t code = locate(task, directory, sizeof(directory), &name, err);
    if (code == REPLI_OK)
        code = repli__pg_read_file(pg, directory, name, &old, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text text;
    repli__pg_text_init(&text, pg->host);
    compose(&text, old, tag, line);
    const char *content = repli__pg_text_get(&text);
    const int changed = content && strcmp(content, old) != 0;
    if (!content)
        code = repli__pg_nomem(pg, err);
    else if (changed)
        code = repli__pg_write_file(pg, directory, name, content, err);
    /* A step that was interrupted may have written, but not reloaded. */
    if (code == REPLI_OK && (changed || task->interrupted))
        code = reload(task, err);
    repli__pg_text_free(&text);
    pg->host->release(pg->host, old);
    return code;
}

int32_t repli__pg_hba_admit(repli__pg_task *task, const char *node, const char *address,
                            repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_config *config = &pg->config;
    if (!config->replication.user)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                              "to let a node in, replication.user must be in the driver's "
                              "configuration");
    const int must_encrypt = config->sslmode && (strcmp(config->sslmode, "require") == 0 ||
                                                 strncmp(config->sslmode, "verify", 6) == 0);
    char network[300], tag[300];
    as_network(address, network, sizeof(network));
    snprintf(tag, sizeof(tag), " # replicante: %s", node);

    repli__pg_text line;
    repli__pg_text_init(&line, pg->host);
    repli__pg_text_printf(&line, "%s replication ", must_encrypt ? "hostssl" : "host");
    repli__pg_text_identifier(&line, config->replication.user);
    repli__pg_text_printf(&line, " %s scram-sha-256", network);
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_ENOMEM;
    if (repli__pg_text_get(&line))
        code = change(task, tag, repli__pg_text_get(&line), &error);
    if (code == REPLI_ENOMEM)
        repli__pg_nomem(pg, err);
    else if (code != REPLI_OK)
        repli__pg_fail_native(pg, err, code, error.native, error.message,
                              "the node may not come in yet; add this line to pg_hba.conf and "
                              "reload: %s",
                              repli__pg_text_get(&line));
    repli__pg_text_free(&line);
    return code;
}

int32_t repli__pg_hba_forget(repli__pg_task *task, const char *node, repli_error *err) {
    char tag[300];
    snprintf(tag, sizeof(tag), " # replicante: %s", node);
    return change(task, tag, NULL, err);
}
