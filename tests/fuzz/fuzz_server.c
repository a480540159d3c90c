#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <replicante/http.h>

#include "fuzz.h"
#include "http_agent.h"

/* Bytes as they come on a connection. Whatever they are, what comes back is a row of proper
 * answers, and then the connection ends. */

/* A client that has said everything goes away when nothing comes for a while. */
enum { PATIENCE_MS = 60000, QUIET_MS = 2, ANSWERS_MAX = 1 << 22 };

static repli_http_server *server;

static void stop_server(void) {
    repli_http_server_free(server, 10000);
    server = NULL;
}

static void start_server(repli_agent *agent) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    repli_error error = REPLI_ERROR_INIT;
    options.unix_path = fuzz_path("agent.sock");
    options.max_body = 65536;
    HOLDS_FOR(repli_http_server_new(agent, &options, &server, &error) == REPLI_OK, error.message);
}

static int connect_server(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fuzz_path("agent.sock"));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    HOLDS(fd >= 0);
    HOLDS(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* The value of a header between here and the end of the headers; "" if there is none. */
static void header(const char *at, const char *end, const char *name, char *value, size_t size) {
    const size_t length = strlen(name);
    value[0] = '\0';
    while (at < end) {
        const char *next = strstr(at, "\r\n");
        HOLDS_FOR(next != NULL && memchr(at, ':', (size_t)(next - at)) != NULL, at);
        if (strncasecmp(at, name, length) == 0 && at[length] == ':')
            snprintf(value, size, "%.*s", (int)(next - at - (ptrdiff_t)length - 2),
                     at + length + 2);
        at = next + 2;
    }
}

/* libmicrohttpd itself answers what is no proper HTTP, with a page of its own; where there is a
 * blank in a path, from 1.0 on, it says where the client should have gone. */
static int is_own_page(int status, const char *type) {
    return (status == 301 || status == 400 || status == 413 || status == 414 || status == 431 ||
            status == 500 || status == 501 || status == 505) &&
           (strcmp(type, "text/html") == 0 || type[0] == '\0');
}

/* One answer, of which the whole must be there unless ret_whole is given; what comes after it. */
static const char *take_answer(const char *at, int *ret_whole) {
    int minor, status, size = 0;
    char text[32], type[64];
    const char *end = strstr(at, "\r\n\r\n");
    if (end == NULL && ret_whole != NULL) {
        *ret_whole = 0;
        return at + strlen(at);
    }
    HOLDS_FOR(end != NULL, at);
    HOLDS_FOR(sscanf(at, "HTTP/1.%1d %3d %n", &minor, &status, &size) == 2 && size > 12, at);
    const char *headers = strstr(at, "\r\n") + 2;
    end += 2;
    const char *body = end + 2;
    header(headers, end, "Content-Type", type, sizeof(type));
    header(headers, end, "Content-Length", text, sizeof(text));
    if (status < 200 || status == 204 || status == 304)
        return body;
    HOLDS_FOR(text[0] != '\0', at);
    const size_t length = strtoul(text, NULL, 10);
    /* HEAD tells the length of what it does not send. */
    if (*body == '\0' || strncmp(body, "HTTP/1.", 7) == 0)
        return body;
    if (ret_whole != NULL && strnlen(body, length) < length) {
        *ret_whole = 0;
        return body + strlen(body);
    }
    HOLDS_FOR(strnlen(body, length) == length, at);
    if (!is_own_page(status, type))
        http_agent_expect(status, length > 0 ? type : NULL, body, length);
    return body + length;
}

static int is_whole(const char *answers) {
    int whole = 1;
    while (*answers != '\0')
        answers = take_answer(answers, &whole);
    return whole;
}

/* Sends everything while reading what comes; 0 once the other end is closed,
 * or has nothing more to say. */
static int exchange(int fd, const uint8_t **data, size_t *size, char *answers, size_t *used) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (*size > 0)
        wait.events |= POLLOUT;
    const int quiet = *size == 0 && is_whole(answers);
    const int ready = poll(&wait, 1, quiet ? QUIET_MS : PATIENCE_MS);
    if (ready < 0 && errno == EINTR) /* libFuzzer looks at its clock */
        return 1;
    HOLDS(ready == 1 || (quiet && ready == 0));
    if (ready == 0)
        return 0;
    if ((wait.revents & POLLOUT) && *size > 0) {
        const ssize_t sent = send(fd, *data, *size, MSG_NOSIGNAL);
        const size_t done = sent > 0 ? (size_t)sent : errno == EAGAIN ? 0 : *size;
        *data += done;
        *size -= done;
        if (*size == 0)
            shutdown(fd, SHUT_WR);
    }
    if (!(wait.revents & (POLLIN | POLLHUP | POLLERR)))
        return 1;
    HOLDS(*used < ANSWERS_MAX - 1);
    const ssize_t got = recv(fd, answers + *used, ANSWERS_MAX - 1 - *used, 0);
    if (got < 0)
        return errno == EAGAIN;
    *used += (size_t)got;
    answers[*used] = '\0';
    return got > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char answers[ANSWERS_MAX];
    http_agent_notify(stop_server, start_server);
    http_agent();
    const int fd = connect_server();
    size_t used = 0;
    answers[0] = '\0';
    if (size == 0)
        shutdown(fd, SHUT_WR);
    while (exchange(fd, &data, &size, answers, &used))
        ;
    close(fd);
    HOLDS(strlen(answers) == used);
    for (const char *at = answers; *at != '\0';)
        at = take_answer(at, NULL);
    return 0;
}
