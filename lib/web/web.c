#include <unistd.h>

#include "base/error.h"
#include "web/loop.h"

enum { CONNECTION_MEMORY = 8 * 1024 };

static void drop_tls(repli__web_daemon *daemons[REPLI__WEB_TLS_SETS]) {
    for (int i = 0; i < REPLI__WEB_TLS_SETS; i++) {
        repli__web_daemon_free(daemons[i]);
        daemons[i] = NULL;
    }
}

/* Leaves none if it fails. */
static int32_t make_tls(repli__web *web, const repli__web_tls tls[REPLI__WEB_TLS_SETS],
                        repli__web_daemon *ret_daemons[REPLI__WEB_TLS_SETS], repli_error *err) {
    int32_t code = REPLI_OK;
    for (int i = 0; i < REPLI__WEB_TLS_SETS && code == REPLI_OK; i++)
        if (tls[i].certificate != NULL)
            code = repli__web_daemon_new(web, &tls[i], &ret_daemons[i], err);
    if (code != REPLI_OK)
        drop_tls(ret_daemons);
    return code;
}

int32_t repli__web_new(const repli__web_options *options, repli__web **ret_web, repli_error *err) {
    const repli__mem *mem = options->mem != NULL ? options->mem : &repli__mem_default;
    repli__web *web = repli__calloc(mem, 1, sizeof(*web));
    if (web == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    web->mem = *mem;
    web->owner = getpid();
    web->settings = options->settings;
    web->connection_memory =
        options->connection_memory > 0 ? options->connection_memory : CONNECTION_MEMORY;
    web->loop_name = options->loop_name;
    web->worker_name = options->worker_name;
    web->relief_name = options->relief_name;
    repli__web_daemon *tls[REPLI__WEB_TLS_SETS] = {NULL};
    int32_t code = repli__web_loop_init(web, &options->handler, err);
    if (code == REPLI_OK)
        code = make_tls(web, options->tls, tls, err);
    repli__web_loop_set_tls(web, tls);
    if (code != REPLI_OK)
        repli__web_free(web);
    else
        *ret_web = web;
    return code;
}

int32_t repli__web_listen(repli__web *web, const repli__web_address *address, uint16_t *ret_port,
                          repli_error *err) {
    uint16_t port = 0;
    const int32_t code = repli__web_listeners_add(&web->listeners, address, &port, err);
    if (code == REPLI_OK && ret_port != NULL)
        *ret_port = port;
    return code;
}

int32_t repli__web_start(repli__web *web, repli_error *err) {
    const int32_t code = repli__web_loop_watch(web, err);
    return code == REPLI_OK ? repli__web_loop_start(web, err) : code;
}

int32_t repli__web_drive(repli__web *web, int *ret_fd, repli_error *err) {
    const int32_t code = repli__web_loop_watch(web, err);
    if (code != REPLI_OK)
        return code;
    web->driven = 1;
    *ret_fd = web->epoll_fd;
    return REPLI_OK;
}

int repli__web_is_ours(const repli__web *web) {
    return web->owner == getpid();
}

int32_t repli__web_reload(repli__web *web, const repli__web_settings *settings,
                          const repli__web_tls tls[REPLI__WEB_TLS_SETS], repli_error *err) {
    if (!repli__web_is_ours(web))
        return repli__error(err, REPLI_EFORK, "http", "the server belongs to the parent process");
    repli__web_order order = {.settings = settings};
    int32_t code = make_tls(web, tls, order.tls, err);
    for (int i = 0; i < REPLI__WEB_TLS_SETS && code == REPLI_OK; i++)
        if (order.tls[i] != NULL)
            code = repli__web_loop_add(web, order.tls[i], err);
    if (code != REPLI_OK) {
        drop_tls(order.tls);
        return code;
    }
    repli__web_loop_order(web, &order);
    return REPLI_OK;
}

void repli__web_stop(repli__web *web, uint64_t deadline_ns) {
    const repli__web_order order = {.stop = 1, .stop_deadline_ns = deadline_ns};
    const int serves = web->started || (web->driven && !web->stopping);
    if (!repli__web_is_ours(web) || !serves)
        return;
    /* What the kernel has accepted has begun, too. */
    if (web->driven)
        repli__web_turn(web);
    repli__web_loop_order(web, &order);
    repli__web_loop_join(web);
}

void repli__web_free(repli__web *web) {
    if (web == NULL)
        return;
    /* In a forked child there is no thread to stop, and closing what libmicrohttpd has would shut
     * down the parent's connections. */
    if (repli__web_is_ours(web)) {
        repli__web_stop(web, 0);
        repli__web_loop_dispose(web);
    } else {
        repli__web_listeners_abandon(&web->listeners);
    }
    const repli__mem mem = web->mem;
    repli__free(&mem, web);
}

void repli__web_count(const repli__web *web, repli__web_counts *ret_counts) {
    unsigned long long now[REPLI__WEB_COUNTS];
    for (int i = 0; i < REPLI__WEB_COUNTS; i++)
        now[i] = atomic_load_explicit(&web->counts[i], memory_order_relaxed);
    *ret_counts = (repli__web_counts){
        .open = now[REPLI__WEB_COUNT_OPEN],
        .connections = now[REPLI__WEB_COUNT_CONNECTIONS],
        .cut = now[REPLI__WEB_COUNT_CUT],
        .requests = now[REPLI__WEB_COUNT_REQUESTS],
        .refused = now[REPLI__WEB_COUNT_REFUSED],
        .bytes_in = now[REPLI__WEB_COUNT_IN],
        .bytes_out = now[REPLI__WEB_COUNT_OUT],
    };
    for (int kind = 0; kind < REPLI__WEB_KINDS; kind++)
        ret_counts->open_of[kind] = now[REPLI__WEB_COUNT_OF + kind];
}
