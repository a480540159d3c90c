#include "agent/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "action/external.h"
#include "base/error.h"
#include "base/sized.h"
#include "model/doc.h"
#include "model/validate.h"

enum { ARGUMENT_MAX = 4096, ARGUMENTS_MAX = 1024, SUMMARY_MAX = 1000 };

static int32_t nomem(repli_error *err) {
    return repli__error_nomem(err, "agent", "copying a configuration");
}

static void clear(const repli__mem *mem, repli__config_external *external) {
    repli__free(mem, external->kind);
    repli__free(mem, external->summary);
    repli__config_strings_free(mem, external->action);
    repli__config_strings_free(mem, external->check);
}

void repli__config_externals_free(repli_config *config) {
    for (size_t i = 0; i < config->external_count; i++)
        clear(&config->mem, &config->externals[i]);
    repli__free(&config->mem, config->externals);
}

/* A copy of all that it points to. */
static int32_t add(repli_config *config, const repli__config_external *from) {
    const repli__mem *mem = &config->mem;
    if (repli__grow(mem, (void **)&config->externals, &config->external_capacity,
                    config->external_count, sizeof(*config->externals)) != REPLI_OK)
        return REPLI_ENOMEM;
    const repli__config_external copy = {
        .kind = repli__strdup(mem, from->kind),
        .summary = repli__strdup(mem, from->summary),
        .action = repli__config_strings_copy(mem, (const char *const *)from->action),
        .check = repli__config_strings_copy(mem, (const char *const *)from->check),
        .timeout_ms = from->timeout_ms};
    config->externals[config->external_count] = copy;
    if (copy.kind == NULL || copy.summary == NULL || copy.action == NULL ||
        (copy.check == NULL && from->check != NULL)) {
        clear(mem, &config->externals[config->external_count]);
        return REPLI_ENOMEM;
    }
    config->external_count++;
    return REPLI_OK;
}

int32_t repli__config_externals_copy(repli_config *copy, const repli_config *from) {
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < from->external_count && code == REPLI_OK; i++)
        code = add(copy, &from->externals[i]);
    return code;
}

int repli__config_externals_same(const repli_config *a, const repli_config *b) {
    if (a->external_count != b->external_count)
        return 0;
    for (size_t i = 0; i < a->external_count; i++) {
        const repli__config_external *x = &a->externals[i];
        const repli__config_external *y = &b->externals[i];
        if (strcmp(x->kind, y->kind) != 0 || strcmp(x->summary, y->summary) != 0 ||
            x->timeout_ms != y->timeout_ms ||
            !repli__config_strings_same((const char *const *)x->action,
                                        (const char *const *)y->action) ||
            !repli__config_strings_same((const char *const *)x->check,
                                        (const char *const *)y->check))
            return 0;
    }
    return 1;
}

static int32_t check_command(const char *name, const char *which, const char *const *argv,
                             repli_error *err) {
    if (argv == NULL)
        return REPLI_OK;
    if (argv[0] == NULL || argv[0][0] == '\0')
        return repli__error(err, REPLI_EINVALID, "agent",
                            "the %s command of the external action \"%s\" names no program", which,
                            name);
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (i == ARGUMENTS_MAX)
            return repli__error(err, REPLI_EINVALID, "agent",
                                "the %s command of the external action \"%s\" has more than %d "
                                "arguments",
                                which, name, ARGUMENTS_MAX);
        const int32_t code = repli__prose_validate(argv[i], ARGUMENT_MAX, which, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "external action \"%s\", argument %zu", name, i);
    }
    return REPLI_OK;
}

/* Its kind is made in ret_kind. */
static int32_t check(const repli_config *config, const repli_external_action *external,
                     char ret_kind[REPLI__NAME_MAX + 1], repli_error *err) {
    if (external->name == NULL || external->action == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "an external action needs a name and an action command");
    if (snprintf(ret_kind, REPLI__NAME_MAX + 1, REPLI__EXTERNAL_DOMAIN "%s", external->name) >
        REPLI__NAME_MAX)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "the name of an external action is too long: \"%.100s...\"",
                            external->name);
    int32_t code = repli_scoped_name_validate(ret_kind, err);
    if (code == REPLI_OK)
        code = check_command(external->name, "action", external->action, err);
    if (code == REPLI_OK)
        code = check_command(external->name, "check", external->check, err);
    if (code == REPLI_OK && external->summary != NULL)
        code = repli__prose_validate(external->summary, SUMMARY_MAX, "summary", err);
    if (code == REPLI_OK && external->timeout_ms < 0)
        code = repli__error(err, REPLI_EINVALID, "agent",
                            "the timeout_ms of the external action \"%s\" is below 0: %" PRId64,
                            external->name, external->timeout_ms);
    for (size_t i = 0; code == REPLI_OK && i < config->external_count; i++)
        if (strcmp(config->externals[i].kind, ret_kind) == 0)
            code = repli__error(err, REPLI_ECONFLICT, "agent",
                                "the external action \"%s\" was added before", external->name);
    return code;
}

int32_t repli_config_add_external_action(repli_config *config,
                                         const repli_external_action *external, repli_error *err) {
    repli_external_action known;
    char kind[REPLI__NAME_MAX + 1];
    char summary[SUMMARY_MAX + 1];
    if (external == NULL ||
        external->struct_size < REPLI__SIZE_TO(repli_external_action, timeout_ms))
        return repli__error(err, REPLI_EINVALID, "agent",
                            "an external action needs its struct_size: use "
                            "REPLI_EXTERNAL_ACTION_INIT");
    repli__sized_copy(&known, sizeof(known), external);
    const int32_t code = check(config, &known, kind, err);
    if (code != REPLI_OK)
        return code;
    if (known.summary != NULL && known.summary[0] != '\0')
        snprintf(summary, sizeof(summary), "%s", known.summary);
    else
        snprintf(summary, sizeof(summary), "Run %.900s", known.action[0]);
    const repli__config_external fresh = {.kind = kind,
                                          .summary = summary,
                                          .action = (char **)known.action,
                                          .check = (char **)known.check,
                                          .timeout_ms = known.timeout_ms};
    return add(config, &fresh) == REPLI_OK ? REPLI_OK : nomem(err);
}
