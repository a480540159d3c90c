#include "web/interrupt.h"

#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "web/loop.h"
#include "web/tls.h"

/* As the header wants it, which strftime() would say in the host's language. */
static int32_t write_date(repli_buf *text) {
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t now = time(NULL);
    struct tm at;
    if (gmtime_r(&now, &at) == NULL)
        return REPLI_OK;
    return repli__buf_printf(text, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n",
                             &days[3 * at.tm_wday], at.tm_mday, &months[3 * at.tm_mon],
                             1900 + at.tm_year, at.tm_hour, at.tm_min, at.tm_sec);
}

static int32_t write_headers(const repli__web_response *response, repli_buf *text) {
    int32_t code = write_date(text);
    if (code == REPLI_OK && response->content_type != NULL)
        code = repli__buf_printf(text, "Content-Type: %s\r\n", response->content_type);
    for (size_t i = 0; i < response->header_count && code == REPLI_OK; i++)
        code = repli__buf_printf(text, "%s: %s\r\n", response->headers[i].name,
                                 response->headers[i].value);
    if (code == REPLI_OK && response->retry_after_s > 0)
        code = repli__buf_printf(text, "Retry-After: %d\r\n", (int)response->retry_after_s);
    if (code == REPLI_OK)
        code = repli__buf_printf(text, "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                                 response->body_size);
    return code;
}

static int32_t write_response(const repli__web_response *response, repli_buf *text) {
    int32_t code = repli__buf_printf(text, "HTTP/1.1 %d %s\r\n", (int)response->status,
                                     MHD_get_reason_phrase_for((unsigned)response->status));
    if (code == REPLI_OK)
        code = write_headers(response, text);
    if (code == REPLI_OK && response->body_size > 0)
        code = repli__buf_append(text, response->body, response->body_size);
    return code;
}

void repli__web_interrupt(repli__web_connection *connection, const repli__web_response *response) {
    repli_buf text = REPLI_BUF_INIT;
    text.allocator = &connection->web->mem;
    if (write_response(response, &text) == REPLI_OK) {
        const gnutls_session_t session = repli__web_connection_session(connection);
        const ssize_t sent = session != NULL ? gnutls_record_send(session, text.data, text.size)
                                             : send(connection->fd, text.data, text.size,
                                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            repli__web_loop_count(connection->web, REPLI__WEB_COUNT_OUT,
                                  (int64_t)response->body_size);
    }
    repli_buf_dispose(&text);
}
