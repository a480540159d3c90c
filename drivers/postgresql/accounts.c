#include "accounts.h"

#include <stdio.h>
#include <string.h>

#include "datadir.h"
#include "files.h"
#include "plan.h"
#include "postgresql.h"
#include "program.h"
#include "session.h"
#include "text.h"

/* Each statement is a line: that is what the single-user server reads. */
static void make_role(repli__pg_text *sql, const repli__pg_account *account,
                      const char *attributes) {
    repli__pg_text_add(sql, "DO $make_role$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE "
                            "rolname = ");
    repli__pg_text_literal(sql, account->user);
    repli__pg_text_add(sql, ") THEN CREATE ROLE ");
    repli__pg_text_identifier(sql, account->user);
    repli__pg_text_add(sql, "; END IF; END$make_role$\nALTER ROLE ");
    repli__pg_text_identifier(sql, account->user);
    repli__pg_text_printf(sql, " LOGIN%s", attributes);
    if (account->password) {
        repli__pg_text_add(sql, " PASSWORD ");
        repli__pg_text_literal(sql, account->password);
    }
    repli__pg_text_add(sql, "\n");
}

static void grant(repli__pg_text *sql, const char *what, const repli__pg_account *account) {
    repli__pg_text_printf(sql, "GRANT %s TO ", what);
    repli__pg_text_identifier(sql, account->user);
    repli__pg_text_add(sql, "\n");
}

static void compose(repli__pg_text *sql, const repli__pg_config *config, int major) {
    const repli__pg_account *actor = config->admin.user ? &config->admin : &config->monitor;
    if (config->monitor.user) {
        make_role(sql, &config->monitor, "");
        grant(sql, "pg_monitor", &config->monitor);
    }
    if (actor->user) {
        make_role(sql, actor, " REPLICATION");
        grant(sql, "pg_signal_backend", actor);
        grant(sql, "EXECUTE ON FUNCTION pg_promote(boolean, integer)", actor);
        grant(sql, "EXECUTE ON FUNCTION pg_reload_conf()", actor);
    }
    if (config->replication.user)
        make_role(sql, &config->replication, " REPLICATION");
    if (config->rewind.user) {
        make_role(sql, &config->rewind, "");
        grant(sql, "EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean)", &config->rewind);
        grant(sql, "EXECUTE ON FUNCTION pg_stat_file(text, boolean)", &config->rewind);
        grant(sql, "EXECUTE ON FUNCTION pg_read_binary_file(text)", &config->rewind);
        grant(sql, "EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean)",
              &config->rewind);
        if (major >= 15)
            grant(sql, "pg_checkpoint", &config->rewind);
    }
}

/* The first line of output that reports an error, or NULL. The single-user server goes on after
 * errors and exits with 0. */
static char *find_error(char *output) {
    static const char *const levels[] = {"ERROR:", "FATAL:", "PANIC:"};
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        char *found = strstr(output, levels[i]);
        if (found) {
            found[strcspn(found, "\n")] = '\0';
            return found;
        }
    }
    return NULL;
}

static int32_t run_single_user(repli__pg_task *task, const char *sql, repli_error *err) {
    repli__pg *pg = task->pg;
    char program[600], output[4096], config_file[4200];
    int32_t exit_code = 0;
    if (pg->plan)
        return repli__pg_plan_tell(pg, 0, "", "make the accounts of the driver's configuration");
    int32_t code = repli__pg_program(pg, "postgres", 0, program, sizeof(program), err);
    if (code != REPLI_OK)
        return code;
    snprintf(config_file, sizeof(config_file), "config_file=%s",
             pg->config.config_file ? pg->config.config_file : "");
    const char *const argv[] = {program, "--single", "-D", pg->config.data_directory,
                                /* A statement that fails is not to be logged with its password. */
                                "-c", "log_min_error_statement=panic", "-c",
                                pg->config.config_file ? config_file : "log_statement=none",
                                "postgres", NULL};
    code = repli__pg_run(pg, task->op, argv, sql, output, sizeof(output), &exit_code, err);
    if (code != REPLI_OK)
        return code;
    const char *problem = find_error(output);
    if (exit_code == 0 && !problem)
        return REPLI_OK;
    return repli__pg_fail(pg, err, REPLI_EINTERNAL, problem ? problem : output,
                          "the accounts could not be made: postgres --single exited with code %d",
                          (int)exit_code);
}

int32_t repli__pg_accounts_make(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli__pg_text sql;
    repli__pg_text_init(&sql, pg->host);
    compose(&sql, &pg->config, repli__pg_datadir_major(pg->config.data_directory));
    const char *statements = repli__pg_text_get(&sql);
    int32_t code = REPLI_OK;
    if (!statements)
        code = repli__pg_nomem(pg, err);
    else if (*statements)
        code = run_single_user(task, statements, err);
    repli__pg_text_free(&sql);
    return code;
}

int32_t repli__pg_accounts_admit(const repli__pg *pg, repli_error *err) {
    static const char name[] = "pg_hba.conf", mark[] = "# replicante: this node's accounts\n";
    const repli__pg_config *config = &pg->config;
    const repli__pg_account *const accounts[] = {&config->monitor, &config->admin};
    if (!config->host || *config->host != '/')
        return REPLI_OK;
    char *old = NULL;
    if (pg->plan) /* there is none yet */
        return repli__pg_plan_file(pg, 0, "let these accounts in by", config->data_directory, name);
    int32_t code = repli__pg_read_file(pg, config->data_directory, name, &old, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text text;
    repli__pg_text_init(&text, pg->host);
    repli__pg_text_add(&text, mark);
    /* Before all others, since the first line that fits decides. */
    for (size_t i = 0; i < 2; i++) {
        if (!accounts[i]->user || !accounts[i]->password)
            continue;
        repli__pg_text_add(&text, "local all ");
        repli__pg_text_identifier(&text, accounts[i]->user);
        repli__pg_text_add(&text, " scram-sha-256\n");
    }
    repli__pg_text_add(&text, old);
    const char *content = repli__pg_text_get(&text);
    if (!content)
        code = repli__pg_nomem(pg, err);
    else if (strncmp(old, mark, strlen(mark)) != 0)
        code = repli__pg_write_file(pg, config->data_directory, name, content, err);
    repli__pg_text_free(&text);
    pg->host->release(pg->host, old);
    return code;
}

int32_t repli__pg_accounts_add_replication(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_account *account = &pg->config.replication;
    repli__pg_link link = {NULL, ""};
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__pg_admin(task, &link, &error);
    /* Hashed here, so that the statement can be logged. */
    char *hashed =
        code == REPLI_OK && account->password
            ? PQencryptPasswordConn(link.conn, account->password, account->user, "scram-sha-256")
            : NULL;
    repli__pg_text sql;
    repli__pg_text_init(&sql, pg->host);
    repli__pg_text_add(&sql, "CREATE ROLE ");
    repli__pg_text_identifier(&sql, account->user);
    repli__pg_text_add(&sql, " LOGIN REPLICATION");
    if (hashed) {
        repli__pg_text_add(&sql, " PASSWORD ");
        repli__pg_text_literal(&sql, hashed);
    }
    const char *statement = repli__pg_text_get(&sql);
    if (code == REPLI_OK && (!statement || (account->password && !hashed)))
        code = repli__pg_nomem(pg, &error);
    if (code == REPLI_OK)
        code = repli__pg_execute(pg, task->op, &link, statement, 0, NULL, &error);
    repli__pg_text_free(&sql);
    PQfreemem(hashed);
    repli__pg_disconnect(&link);
    if (code == REPLI_OK || code == REPLI_EDONE)
        return REPLI_OK;
    return repli__pg_pass(pg, err, &error,
                          "the replication account does not exist and could not be made: make it "
                          "as a superuser with CREATE ROLE … LOGIN REPLICATION PASSWORD …");
}
