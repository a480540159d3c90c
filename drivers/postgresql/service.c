#include "service.h"

#include <stdio.h>
#include <string.h>

#include "files.h"
#include "plan.h"
#include "postgresql.h"
#include "program.h"

static const char server_log[] = "server.log";

/* Run a command that must succeed. */
static int32_t must(const repli__pg *pg, const repli_op *op, const char *const *argv,
                    const char *what, repli_error *err) {
    char words[300];
    int32_t exit_code = 0;
    if (pg->plan) {
        snprintf(words, sizeof(words), "%s the server", what);
        return repli__pg_plan_program(pg, 0, argv, words);
    }
    const int32_t code = repli__pg_run(pg, op, argv, NULL, words, sizeof(words), &exit_code, err);
    if (code != REPLI_OK || exit_code == 0)
        return code;
    return repli__pg_fail(pg, err, REPLI_EINTERNAL, words,
                          "cannot %s the server: %s exited with code %d", what, argv[0],
                          (int)exit_code);
}

static int32_t systemctl(const repli__pg *pg, const repli_op *op, const char *verb,
                         repli_error *err) {
    const char *const argv[] = {
        "systemctl", "--no-block", "--no-ask-password", verb, pg->config.service_unit, NULL};
    return must(pg, op, argv, verb, err);
}

/* pg_ctl VERB -D DIRECTORY followed by more, which is a NULL-terminated list. */
static int32_t pg_ctl(const repli__pg *pg, const repli_op *op, const char *verb,
                      const char *const *more, int32_t *ret_exit_code, repli_error *err) {
    char program[600], words[300];
    if (!pg->config.data_directory)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                              "cannot %s the server: the driver's configuration has neither "
                              "service.%s, nor service.unit, nor data_directory",
                              verb, verb);
    int32_t code = repli__pg_program(pg, "pg_ctl", 0, program, sizeof(program), err);
    if (code != REPLI_OK)
        return code;
    const char *argv[16] = {program, verb, "-D", pg->config.data_directory};
    for (size_t i = 0; more && more[i] && i < 10; i++)
        argv[4 + i] = more[i];
    if (pg->plan && !ret_exit_code) {
        snprintf(words, sizeof(words), "%s the server", verb);
        return repli__pg_plan_program(pg, 0, argv, words);
    }
    int32_t exit_code = 0;
    code = repli__pg_run(pg, op, argv, NULL, words, sizeof(words), &exit_code, err);
    if (code == REPLI_OK && ret_exit_code)
        *ret_exit_code = exit_code;
    else if (code == REPLI_OK && exit_code != 0)
        code = repli__pg_fail(pg, err, REPLI_EINTERNAL, words,
                              "cannot %s the server in %s: pg_ctl exited with code %d", verb,
                              pg->config.data_directory, (int)exit_code);
    return code;
}

int32_t repli__pg_service_state(const repli__pg *pg, const repli_op *op, int32_t *ret_state,
                                repli_error *err) {
    const repli__pg_config *config = &pg->config;
    const char *const systemd[] = {"systemctl", "is-active", "--quiet", config->service_unit, NULL};
    char words[300];
    int32_t exit_code = 0, code;
    if (pg->plan && pg->plan->service)
        return *ret_state = pg->plan->service, REPLI_OK;
    if (config->service_status)
        code = repli__pg_run(pg, op, (const char *const *)config->service_status, NULL, words,
                             sizeof(words), &exit_code, err);
    else if (config->data_directory)
        code = pg_ctl(pg, op, "status", NULL, &exit_code, err);
    else if (config->service_unit)
        code = repli__pg_run(pg, op, systemd, NULL, words, sizeof(words), &exit_code, err);
    else
        return *ret_state = REPLI__PG_SERVICE_UNKNOWN, REPLI_OK;
    if (code == REPLI_OK)
        *ret_state = exit_code == 0 ? REPLI__PG_SERVICE_RUNNING : REPLI__PG_SERVICE_STOPPED;
    return code;
}

int32_t repli__pg_service_start(const repli__pg *pg, const repli_op *op, repli_error *err) {
    const repli__pg_config *config = &pg->config;
    if (pg->plan)
        pg->plan->service = REPLI__PG_SERVICE_RUNNING;
    if (config->service_start)
        return must(pg, op, (const char *const *)config->service_start, "start", err);
    if (config->service_unit)
        return systemctl(pg, op, "start", err);
    const char *work = NULL;
    char log[4096], option[4200];
    int32_t code = repli__pg_work_directory(pg, &work, err);
    if (code == REPLI_OK)
        code = repli__pg_path(pg, log, sizeof(log), work, server_log, err);
    if (code != REPLI_OK)
        return code;
    const char *more[] = {"--no-wait", "--log", log, NULL, NULL, NULL};
    if (config->config_file) {
        snprintf(option, sizeof(option), "-c config_file='%s'", config->config_file);
        more[3] = "--options";
        more[4] = option;
    }
    return pg_ctl(pg, op, "start", more, NULL, err);
}

int32_t repli__pg_service_stop(const repli__pg *pg, const repli_op *op, repli_error *err) {
    static const char *const more[] = {"--no-wait", "--mode=fast", NULL};
    if (pg->plan)
        pg->plan->service = REPLI__PG_SERVICE_STOPPED;
    if (pg->config.service_stop)
        return must(pg, op, (const char *const *)pg->config.service_stop, "stop", err);
    return pg->config.service_unit ? systemctl(pg, op, "stop", err)
                                   : pg_ctl(pg, op, "stop", more, NULL, err);
}

int32_t repli__pg_service_reload(const repli__pg *pg, const repli_op *op, repli_error *err) {
    return pg_ctl(pg, op, "reload", NULL, NULL, err);
}

int repli__pg_service_restarts(const repli__pg *pg) {
    return pg->config.service_restart || pg->config.service_unit;
}

int32_t repli__pg_service_restart(const repli__pg *pg, const repli_op *op, repli_error *err) {
    if (pg->config.service_restart)
        return must(pg, op, (const char *const *)pg->config.service_restart, "restart", err);
    return systemctl(pg, op, "restart", err);
}

void repli__pg_service_words(const repli__pg *pg, char *ret_text, size_t size) {
    ret_text[0] = '\0';
    if (pg->config.work_directory)
        repli__pg_read_tail(pg->config.work_directory, server_log, ret_text, size);
}
