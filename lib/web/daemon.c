#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "web/loop.h"
#include "web/tls.h"

/* Keeps the reason why libmicrohttpd does not start; later on it has nothing to say that the
 * operator could act on. */
static void take_log(void *cls, const char *format, va_list args) {
    repli__web_daemon *daemon = cls;
    if (daemon->mhd != NULL || daemon->said[0] != '\0')
        return;
    vsnprintf(daemon->said, sizeof(daemon->said), format, args);
    daemon->said[strcspn(daemon->said, "\n")] = '\0';
}

static int copy_texts(repli__web_daemon *daemon, const repli__web_tls *tls) {
    const char *texts[3] = {tls->certificate, tls->key, tls->client_ca};
    for (size_t i = 0; i < 3; i++) {
        daemon->texts[i] = repli__strdup(daemon->mem, texts[i]);
        if (daemon->texts[i] == NULL && texts[i] != NULL)
            return 0;
    }
    return 1;
}

static void start(repli__web_daemon *daemon, repli__web *web) {
    /* Limits and times are the loop's business. */
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ERROR_LOG | (daemon->tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem items[6] = {{MHD_OPTION_END, 0, NULL}};
    size_t count = 0;
    /* No digests are checked; and 1.0.1 loses a descriptor if there is no memory for them. */
    if (MHD_is_feature_supported(MHD_FEATURE_DIGEST_AUTH) == MHD_YES)
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_NONCE_NC_SIZE, 0, NULL};
    if (daemon->tls) {
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                                 (void *)REPLI__WEB_TLS_PRIORITIES};
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, daemon->texts[0]};
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, daemon->texts[1]};
    }
    if (daemon->mutual)
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, daemon->texts[2]};
    items[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    daemon->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, repli__web_on_request, web, MHD_OPTION_EXTERNAL_LOGGER, take_log,
        daemon, MHD_OPTION_NOTIFY_CONNECTION, repli__web_on_connection, web,
        MHD_OPTION_URI_LOG_CALLBACK, repli__web_on_url, web, MHD_OPTION_NOTIFY_COMPLETED,
        repli__web_on_completed, web, MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT32_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, web->connection_memory, MHD_OPTION_ARRAY, items,
        MHD_OPTION_END);
}

static int32_t not_started(const repli__web_daemon *daemon, int failed, repli_error *err) {
    const int32_t code = failed == ENOMEM                       ? REPLI_ENOMEM
                         : failed == EMFILE || failed == ENFILE ? REPLI_EIO
                                                                : REPLI_EINTERNAL;
    repli__error(err, code, "http", "libmicrohttpd does not start%s%s", failed != 0 ? ": " : "",
                 failed != 0 ? strerror(failed) : "");
    repli__error_cause(err, daemon->said);
    return code;
}

static int32_t make(repli__web_daemon *daemon, repli__web *web, const repli__web_tls *tls,
                    repli_error *err) {
    if (!copy_texts(daemon, tls))
        return repli__error_nomem(err, "http", "starting the HTTP server");
    errno = 0;
    start(daemon, web);
    if (daemon->mhd == NULL)
        return not_started(daemon, errno, err);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return repli__error(err, REPLI_ENOTSUP, "http", "libmicrohttpd was built without epoll");
    daemon->epoll_fd = info->epoll_fd;
    return REPLI_OK;
}

int32_t repli__web_daemon_new(repli__web *web, const repli__web_tls *tls,
                              repli__web_daemon **ret_daemon, repli_error *err) {
    if (tls->certificate != NULL && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return repli__error(err, REPLI_ENOTSUP, "http", "libmicrohttpd was built without TLS");
    repli__web_daemon *daemon = repli__calloc(&web->mem, 1, sizeof(*daemon));
    if (daemon == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    daemon->source = REPLI__WEB_SOURCE_DAEMON;
    daemon->mem = &web->mem;
    daemon->tls = tls->certificate != NULL;
    daemon->mutual = daemon->tls && tls->client_ca != NULL;
    const int32_t code = make(daemon, web, tls, err);
    if (code != REPLI_OK) {
        repli__web_daemon_free(daemon);
        return code;
    }
    *ret_daemon = daemon;
    return REPLI_OK;
}

void repli__web_daemon_free(repli__web_daemon *daemon) {
    if (daemon == NULL)
        return;
    if (daemon->mhd != NULL)
        MHD_stop_daemon(daemon->mhd);
    /* The key must not be found in memory that was given back. */
    if (daemon->texts[1] != NULL)
        explicit_bzero(daemon->texts[1], strlen(daemon->texts[1]));
    for (size_t i = 0; i < 3; i++)
        repli__free(daemon->mem, daemon->texts[i]);
    repli__free(daemon->mem, daemon);
}
