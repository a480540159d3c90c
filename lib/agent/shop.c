#include "agent/shop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A host may change its directory, which must not make a command be forgotten. */
static int32_t find_base(repli__shop *shop, repli_error *err) {
    char path[PATH_MAX];
    const char *store_path = repli__config_text(shop->config, REPLI__KEY_STORE_PATH);
    if (realpath(store_path, path) == NULL)
        return repli__error(err, REPLI_EIO, "agent", "cannot tell where the database %s is: %s",
                            store_path, strerror(errno));
    shop->base = repli__strdup(&shop->config->mem, path);
    return shop->base != NULL ? REPLI_OK
                              : repli__error_nomem(err, "agent", "preparing to run commands");
}

static int32_t offer_external(repli__shop *shop, size_t index, repli__registry *registry,
                              repli_error *err) {
    const repli__config_external *configured = &shop->config->externals[index];
    repli__external *external = &shop->externals[index];
    *external = (repli__external){.commands = &shop->commands,
                                  .action = (const char *const *)configured->action,
                                  .check = (const char *const *)configured->check,
                                  .timeout_ms = configured->timeout_ms};
    repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT,
                              .step = repli__external_step,
                              .user_data = external,
                              .plan = repli__external_plan};
    handler.kind.kind = configured->kind;
    handler.kind.summary = configured->summary;
    handler.kind.flags = REPLI_KIND_CANCEL_BY_STEP;
    return repli__registry_add(registry, REPLI__OWNER_LIBRARY, &handler, err);
}

int32_t repli__shop_check(const repli_config *config, repli_error *err) {
    static const int commands[] = {REPLI__KEY_SERVICE_PID, REPLI__KEY_SERVICE_START,
                                   REPLI__KEY_SERVICE_STOP};
    const char *unit = repli__config_text(config, REPLI__KEY_SERVICE_UNIT);
    size_t count = 0;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        count += repli__config_strings(config, commands[i]) != NULL;
    if (unit == NULL ? count == 0 || count == sizeof(commands) / sizeof(commands[0]) : count == 0)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "agent",
                        "a service is either \"service.unit\", or all of \"service.pid\", "
                        "\"service.start\" and \"service.stop\"");
}

static int32_t offer_service(repli__shop *shop, repli__registry *registry, repli_error *err) {
    const repli_config *config = shop->config;
    shop->service =
        (repli__service){.commands = &shop->commands,
                         .unit = repli__config_text(config, REPLI__KEY_SERVICE_UNIT),
                         .pid = repli__config_strings(config, REPLI__KEY_SERVICE_PID),
                         .start = repli__config_strings(config, REPLI__KEY_SERVICE_START),
                         .stop = repli__config_strings(config, REPLI__KEY_SERVICE_STOP),
                         .timeout_ms = repli__config_integer(config, REPLI__KEY_SERVICE_TIMEOUT)};
    return shop->service.unit != NULL || shop->service.pid != NULL
               ? repli__service_offer(&shop->service, registry, err)
               : REPLI_OK;
}

static int32_t offer(repli__shop *shop, repli__registry *registry, repli_error *err) {
    const size_t count = shop->config->external_count;
    shop->externals = repli__calloc(&shop->config->mem, count + 1, sizeof(*shop->externals));
    if (shop->externals == NULL)
        return repli__error_nomem(err, "agent", "preparing to run commands");
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < count && code == REPLI_OK; i++)
        code = offer_external(shop, i, registry, err);
    return code == REPLI_OK ? offer_service(shop, registry, err) : code;
}

int32_t repli__shop_open(repli__shop *shop, repli_config *config, repli__log *log,
                         repli__registry *registry, void (*ended)(void *user_data), void *user_data,
                         repli_error *err) {
    shop->config = repli__config_ref(config);
    int32_t code = find_base(shop, err);
    if (code != REPLI_OK)
        return code;
    shop->commands = (repli__commands){.mem = config->mem,
                                       .log = log,
                                       .base = shop->base,
                                       .ended = ended,
                                       .user_data = user_data,
                                       .waits = config->run_mode != REPLI_RUN_DISPATCH};
    code = offer(shop, registry, err);
    if (code == REPLI_OK)
        repli__commands_sweep(&shop->commands, registry);
    return code;
}

void repli__shop_close(repli__shop *shop) {
    if (shop->config == NULL)
        return;
    repli__free(&shop->config->mem, shop->externals);
    repli__free(&shop->config->mem, shop->base);
    repli__config_unref(shop->config);
    shop->config = NULL;
}
