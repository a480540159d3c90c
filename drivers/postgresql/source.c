#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "plan.h"
#include "postgresql.h"

static const char password_file[] = "pgpass";

static int32_t connect(repli__pg_task *task, const repli__pg_account *account, int replication,
                       repli__pg_link *link, repli_error *err) {
    const repli__pg_target target = {.host = task->args.source_host,
                                     .port = task->args.source_port,
                                     .dbname = replication ? NULL : task->pg->config.dbname,
                                     .account = account,
                                     .replication = replication};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__pg_connect(task->pg, task->op, &target, link, &error);
    return code ? repli__pg_pass(task->pg, err, &error, "the source") : REPLI_OK;
}

static int32_t need_account(const repli__pg_task *task, const repli__pg_account *account,
                            const char *section, repli_error *err) {
    if (account->user)
        return REPLI_OK;
    return repli__pg_fail(task->pg, err, REPLI_EINVALID, NULL,
                          "this action needs %s.user in the driver's configuration", section);
}

int32_t repli__pg_source_identify(repli__pg_task *task, repli__pg_source *ret_source,
                                  repli_error *err) {
    const repli__pg_account *account = &task->pg->config.replication;
    repli__pg_link link = {NULL, ""};
    PGresult *result = NULL;
    int32_t code = need_account(task, account, "replication", err);
    if (code == REPLI_OK)
        code = connect(task, account, 1, &link, err);
    if (code == REPLI_OK)
        code = repli__pg_query(task->pg, task->op, &link, "IDENTIFY_SYSTEM", 0, NULL, &result, err);
    if (code == REPLI_OK && (PQntuples(result) != 1 || PQnfields(result) < 2))
        code = repli__pg_fail(task->pg, err, REPLI_EPROTOCOL, NULL,
                              "the source does not say which system it is");
    if (code == REPLI_OK) {
        /* Unsigned here, signed in SQL: the same as there. */
        const int64_t identifier = (int64_t)strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        snprintf(ret_source->system_identifier, sizeof(ret_source->system_identifier), "%" PRId64,
                 identifier);
        snprintf(ret_source->timeline, sizeof(ret_source->timeline), "%s",
                 PQgetvalue(result, 0, 1));
        ret_source->major = PQserverVersion(link.conn) / 10000;
    }
    PQclear(result);
    repli__pg_disconnect(&link);
    return code;
}

int32_t repli__pg_source_slot(repli__pg_task *task, repli_error *err) {
    const repli__pg_account *account = &task->pg->config.replication;
    if (!*task->args.slot)
        return REPLI_OK;
    repli__pg_link link = {NULL, ""};
    char statement[128];
    snprintf(statement, sizeof(statement), "CREATE_REPLICATION_SLOT \"%s\" PHYSICAL RESERVE_WAL",
             task->args.slot);
    int32_t code = need_account(task, account, "replication", err);
    if (code == REPLI_OK)
        code = connect(task, account, 1, &link, err);
    if (code == REPLI_OK)
        code = repli__pg_execute(task->pg, task->op, &link, statement, 0, NULL, err);
    repli__pg_disconnect(&link);
    return code == REPLI_EDONE ? REPLI_OK : code;
}

/* What the source is, and whether its last checkpoint was made on its present timeline: until then
 * pg_rewind takes it for a server that never left the old one. */
static int32_t look_before_checkpoint(repli__pg_task *task, repli__pg_link *link,
                                      const char *system_identifier, int *ret_needed,
                                      repli_error *err) {
    static const char statement[] =
        "SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system())::text,"
        " CASE WHEN NOT pg_is_in_recovery() THEN"
        " (SELECT timeline_id FROM pg_control_checkpoint()) ="
        " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END";
    PGresult *result = NULL;
    int32_t code = repli__pg_query(task->pg, task->op, link, statement, 0, NULL, &result, err);
    if (code != REPLI_OK)
        return code;
    if (*PQgetvalue(result, 0, 0) == 't')
        code = repli__pg_fail(task->pg, err, REPLI_ENOTLEADER, NULL,
                              "the source %s:%s is a standby itself: name the primary",
                              task->args.source_host, task->args.source_port);
    else if (strcmp(PQgetvalue(result, 0, 1), system_identifier) != 0)
        code = repli__pg_fail(task->pg, err, REPLI_ECONFLICT, NULL,
                              "the source %s:%s belongs to another cluster: its system identifier "
                              "is %s, that of this node is %s",
                              task->args.source_host, task->args.source_port,
                              PQgetvalue(result, 0, 1), system_identifier);
    else
        *ret_needed = *PQgetvalue(result, 0, 2) != 't';
    PQclear(result);
    return code;
}

int32_t repli__pg_source_checkpoint(repli__pg_task *task, const char *system_identifier,
                                    repli_error *err) {
    const repli__pg_account *account = &task->pg->config.rewind;
    repli__pg_link link = {NULL, ""};
    int needed = 0;
    int32_t code = need_account(task, account, "rewind", err);
    if (code == REPLI_OK)
        code = connect(task, account, 0, &link, err);
    if (code == REPLI_OK)
        code = look_before_checkpoint(task, &link, system_identifier, &needed, err);
    if (task->pg->plan && task->pg->plan->checkpointed++)
        needed = 0;
    if (code == REPLI_OK && needed)
        code = repli__pg_execute(task->pg, task->op, &link, "CHECKPOINT", 0, NULL, err);
    repli__pg_disconnect(&link);
    return code;
}

void repli__pg_source_conninfo(const repli__pg_task *task, const repli__pg_account *account,
                               const char *application_name, repli__pg_text *text) {
    const repli__pg_config *config = &task->pg->config;
    repli__pg_text_conninfo(text, "host", task->args.source_host);
    repli__pg_text_conninfo(text, "port", task->args.source_port);
    repli__pg_text_conninfo(text, "user", account->user);
    repli__pg_text_conninfo(text, "application_name", application_name);
    repli__pg_text_conninfo(text, "sslmode", config->sslmode);
    repli__pg_text_conninfo(text, "sslrootcert", config->sslrootcert);
    repli__pg_text_conninfo(text, "sslcert", config->sslcert);
    repli__pg_text_conninfo(text, "sslkey", config->sslkey);
    char path[4096];
    if (account->password && config->work_directory &&
        repli__pg_path(task->pg, path, sizeof(path), config->work_directory, password_file, NULL) ==
            REPLI_OK)
        repli__pg_text_conninfo(text, "passfile", path);
}

/* A line of a password file for any host and database. */
static void add_password(repli__pg_text *text, const repli__pg_account *account) {
    if (!account->user || !account->password)
        return;
    const char *const fields[] = {account->user, account->password};
    repli__pg_text_add(text, "*:*:*");
    for (size_t i = 0; i < 2; i++) {
        repli__pg_text_add(text, ":");
        for (const char *at = fields[i]; *at; at++)
            repli__pg_text_printf(text, *at == ':' || *at == '\\' ? "\\%c" : "%c", *at);
    }
    repli__pg_text_add(text, "\n");
}

int32_t repli__pg_source_passwords(const repli__pg *pg, repli_error *err) {
    const char *work = NULL;
    int32_t code = repli__pg_work_directory(pg, &work, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text text;
    repli__pg_text_init(&text, pg->host);
    add_password(&text, &pg->config.replication);
    add_password(&text, &pg->config.rewind);
    const char *content = repli__pg_text_get(&text);
    code = content ? repli__pg_write_file(pg, work, password_file, content, err)
                   : repli__pg_nomem(pg, err);
    repli__pg_text_free(&text);
    return code;
}
