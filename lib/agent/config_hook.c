#include "agent/config.h"

#include <string.h>

#include "base/error.h"

static int32_t room_for_one(repli_config *config) {
    return repli__grow(&config->mem, (void **)&config->hooks, &config->hook_capacity,
                       config->hook_count, sizeof(*config->hooks));
}

int32_t repli_config_add_hook(repli_config *config, const repli_hook *hook, repli_error *err) {
    repli__hook made;
    int32_t code = repli__hook_make(&made, hook, &config->mem, err);
    if (code != REPLI_OK)
        return code;
    for (size_t i = 0; code == REPLI_OK && i < config->hook_count; i++)
        if (strcmp(config->hooks[i].name, made.name) == 0)
            code = repli__error(err, REPLI_ECONFLICT, "agent", "the hook \"%s\" was added before",
                                made.name);
    if (code == REPLI_OK && config->hook_count == REPLI__HOOKS_MAX)
        code = repli__error(err, REPLI_EINVALID, "agent", "there are more than %d hooks",
                            REPLI__HOOKS_MAX);
    if (code == REPLI_OK && room_for_one(config) != REPLI_OK)
        code = repli__error_nomem(err, "agent", "adding a hook");
    if (code != REPLI_OK)
        repli__hook_dispose(&made, &config->mem);
    else
        config->hooks[config->hook_count++] = made;
    return code;
}

int32_t repli__config_hooks_copy(repli_config *copy, const repli_config *from) {
    for (size_t i = 0; i < from->hook_count; i++) {
        if (room_for_one(copy) != REPLI_OK ||
            repli__hook_copy(&copy->hooks[i], &from->hooks[i], &copy->mem) != REPLI_OK)
            return REPLI_ENOMEM;
        copy->hook_count++;
    }
    return REPLI_OK;
}

void repli__config_hooks_free(repli_config *config) {
    for (size_t i = 0; i < config->hook_count; i++)
        repli__hook_dispose(&config->hooks[i], &config->mem);
    repli__free(&config->mem, config->hooks);
}
