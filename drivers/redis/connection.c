#include "connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "redis.h"

repli__redis_target repli__redis_here(const repli__redis *redis,
                                      const repli__redis_account *account) {
    const repli__redis_config *config = &redis->config;
    return (repli__redis_target){.host = config->host,
                                 .port = config->port,
                                 .unix_socket = config->unix_socket,
                                 .account = account};
}

void repli__redis_disconnect(repli__redis_link *link) {
    if (link->fd >= 0)
        close(link->fd);
    if (link->reader)
        redisReaderFree(link->reader);
    link->fd = -1;
    link->reader = NULL;
}

/* Waiting. A server that is stopped still accepts connections, and then says nothing for ever. */

static int64_t milliseconds_left(const repli__redis *redis, const repli_op *op) {
    const uint64_t now = redis->host->now_ns(redis->host);
    const uint64_t deadline = redis->host->deadline_ns(op);
    if (deadline <= now)
        return 0;
    const uint64_t left = (deadline - now + 999999) / 1000000;
    return left > 3600000 ? 3600000 : (int64_t)left;
}

static void empty_wake_pipe(const repli__redis *redis) {
    char left_over[16]; /* meant for an earlier call */
    while (read(redis->wake[0], left_over, sizeof(left_over)) > 0)
        continue;
}

/* REPLI_OK once there is something to do on fd, else why the call is over. */
static int32_t wait_for(const repli__redis *redis, const repli_op *op, int fd, short events) {
    for (;;) {
        struct pollfd fds[2] = {{.fd = fd, .events = events},
                                {.fd = redis->wake[0], .events = POLLIN}};
        const int ready = poll(fds, 2, (int)milliseconds_left(redis, op));
        if (ready > 0 && fds[0].revents)
            return REPLI_OK;
        /* The time comes first: cancelled() does not tell an expired call from a cancelled one. */
        if (milliseconds_left(redis, op) == 0)
            return REPLI_ETIMEOUT;
        if (redis->host->cancelled(op))
            return REPLI_ECANCELLED;
        if (ready > 0)
            empty_wake_pipe(redis);
        if (ready < 0 && errno != EINTR)
            return REPLI_EIO;
    }
}

/* Say why a call on link is over, and close it. reason: of the system, or 0. */
static int32_t give_up(const repli__redis *redis, repli__redis_link *link, int32_t code,
                       const char *doing, int reason, repli_error *err) {
    const char *cause = reason ? strerror(reason) : NULL;
    repli__redis_disconnect(link);
    switch (code) {
    case REPLI_ETIMEOUT:
        return repli__redis_fail(redis, err, code, NULL,
                                 "%s Redis at %s: no answer by the deadline; the server hangs, is "
                                 "overloaded or cannot be reached",
                                 doing, link->name);
    case REPLI_ECANCELLED:
        return repli__redis_fail(redis, err, code, NULL, "%s Redis at %s: cancelled", doing,
                                 link->name);
    case REPLI_EREFUSED:
        return repli__redis_fail(redis, err, code, cause, "cannot connect to Redis at %s%s%s",
                                 link->name, cause ? ": " : "", cause ? cause : "");
    case REPLI_ELOST:
        return repli__redis_fail(redis, err, code, cause, "the connection to Redis at %s broke",
                                 link->name);
    case REPLI_EPROTOCOL:
        return repli__redis_fail(redis, err, code, NULL,
                                 "what answers at %s does not speak the protocol of Redis",
                                 link->name);
    case REPLI_ENOMEM: return repli__redis_nomem(redis, err);
    default:
        return repli__redis_fail(redis, err, code, cause, "%s Redis at %s failed", doing,
                                 link->name);
    }
}

/* Connecting. */

/* Returns REPLI_OK, or why not, with the system's reason. */
static int32_t connect_to(const repli__redis *redis, const repli_op *op, repli__redis_link *link,
                          const struct sockaddr *address, socklen_t size, int *ret_reason) {
    *ret_reason = 0;
    link->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0) {
        *ret_reason = errno;
        return REPLI_EIO;
    }
    int32_t code = REPLI_OK;
    int reason = connect(link->fd, address, size) == 0 ? 0 : errno;
    if (reason == EINPROGRESS || reason == EINTR) {
        socklen_t length = sizeof(reason);
        reason = 0;
        code = wait_for(redis, op, link->fd, POLLOUT);
        if (code == REPLI_OK && getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &reason, &length) != 0)
            reason = errno;
    }
    if (code == REPLI_OK && reason != 0)
        code = REPLI_EREFUSED;
    if (code != REPLI_OK) {
        *ret_reason = reason;
        close(link->fd);
        link->fd = -1;
    }
    return code;
}

static int32_t connect_unix(const repli__redis *redis, const repli_op *op, const char *path,
                            repli__redis_link *link, int *ret_reason) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        *ret_reason = ENAMETOOLONG;
        return REPLI_EREFUSED;
    }
    memcpy(address.sun_path, path, length + 1);
    return connect_to(redis, op, link, (const struct sockaddr *)&address, sizeof(address),
                      ret_reason);
}

static int32_t connect_tcp(const repli__redis *redis, const repli_op *op,
                           const repli__redis_target *target, repli__redis_link *link,
                           int *ret_reason, repli_error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const int problem = getaddrinfo(target->host, target->port, &hints, &found);
    if (problem != 0)
        return repli__redis_fail(redis, err, REPLI_EREFUSED, gai_strerror(problem),
                                 "cannot find the address of Redis at %s: %s", link->name,
                                 gai_strerror(problem));
    int32_t code = REPLI_EREFUSED;
    for (const struct addrinfo *at = found; at && code == REPLI_EREFUSED; at = at->ai_next)
        code = connect_to(redis, op, link, at->ai_addr, at->ai_addrlen, ret_reason);
    freeaddrinfo(found);
    if (code == REPLI_OK) {
        const int on = 1;
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return code;
}

/* Where nobody needs a password, one more does no harm; and a connection that may not name itself
 * stays nameless. */
static int may_go_on(const redisReply *reply) {
    return !reply || reply->type != REDIS_REPLY_ERROR ||
           strstr(reply->str, "without any password") || strncmp(reply->str, "NOPERM", 6) == 0;
}

static int32_t log_in(repli__redis *redis, const repli_op *op, const repli__redis_account *account,
                      repli__redis_link *link, repli_error *err) {
    const repli__redis_command name_it = REPLI__REDIS_COMMAND("CLIENT", "SETNAME", "repliagent");
    const repli__redis_command with_name =
        REPLI__REDIS_COMMAND("AUTH", account->user, account->password);
    const repli__redis_command without = REPLI__REDIS_COMMAND("AUTH", account->password);
    const repli__redis_command commands[] = {*account->user ? with_name : without, name_it};
    redisReply *replies[2] = {NULL, NULL};
    const size_t skipped = *account->password ? 0 : 1;
    int32_t code =
        repli__redis_ask(redis, op, link, commands + skipped, 2 - skipped, replies + skipped, err);
    for (size_t i = 0; i < 2; i++) {
        if (code == REPLI_OK && !may_go_on(replies[i])) {
            code = repli__redis_refused(redis, link, commands[i][0], replies[i], err);
            repli__redis_disconnect(link);
        }
        freeReplyObject(replies[i]);
    }
    return code;
}

int32_t repli__redis_connect(repli__redis *redis, const repli_op *op,
                             const repli__redis_target *target, repli__redis_link *link,
                             repli_error *err) {
    repli__redis_disconnect(link);
    const int local = target->unix_socket && *target->unix_socket;
    if (local)
        snprintf(link->name, sizeof(link->name), "%s", target->unix_socket);
    else
        snprintf(link->name, sizeof(link->name), strchr(target->host, ':') ? "[%s]:%s" : "%s:%s",
                 target->host, target->port);
    int reason = 0;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = local ? connect_unix(redis, op, target->unix_socket, link, &reason)
                         : connect_tcp(redis, op, target, link, &reason, &error);
    if (code != REPLI_OK && error.code != REPLI_OK)
        return repli__redis_pass(redis, err, &error, NULL);
    if (code == REPLI_OK && !(link->reader = redisReaderCreate()))
        code = REPLI_ENOMEM;
    if (code != REPLI_OK)
        return give_up(redis, link, code, "connecting to", reason, err);
    return log_in(redis, op, target->account, link, err);
}

/* Talking. */

static int32_t send_all(const repli__redis *redis, const repli_op *op,
                        const repli__redis_link *link, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(link->fd, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN) {
            const int32_t code = wait_for(redis, op, link->fd, POLLOUT);
            if (code != REPLI_OK)
                return code;
        } else if (sent < 0 && errno != EINTR) {
            return REPLI_ELOST;
        }
    }
    return REPLI_OK;
}

static int32_t send_command(const repli__redis *redis, const repli_op *op,
                            const repli__redis_link *link, repli__redis_command command) {
    enum { MOST_ARGUMENTS = 16 };
    size_t sizes[MOST_ARGUMENTS];
    const char *words[MOST_ARGUMENTS];
    int count = 0;
    for (; command[count] && count < MOST_ARGUMENTS; count++) {
        words[count] = command[count];
        sizes[count] = strlen(command[count]);
    }
    char *text = NULL;
    /* An int until hiredis 1.1. */
    const long long length = redisFormatCommandArgv(&text, count, words, sizes);
    if (length < 0)
        return REPLI_ENOMEM;
    const int32_t code = send_all(redis, op, link, text, (size_t)length);
    redisFreeCommand(text);
    return code;
}

static int32_t read_some(const repli__redis *redis, const repli_op *op,
                         const repli__redis_link *link) {
    char data[16 * 1024];
    const int32_t code = wait_for(redis, op, link->fd, POLLIN);
    if (code != REPLI_OK)
        return code;
    const ssize_t got = recv(link->fd, data, sizeof(data), 0);
    if (got > 0)
        return redisReaderFeed(link->reader, data, (size_t)got) == REDIS_OK ? REPLI_OK
                                                                            : REPLI_ENOMEM;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? REPLI_OK : REPLI_ELOST;
}

static int32_t read_reply(const repli__redis *redis, const repli_op *op,
                          const repli__redis_link *link, redisReply **ret_reply) {
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK)
            return link->reader->err == REDIS_ERR_OOM ? REPLI_ENOMEM : REPLI_EPROTOCOL;
        if (reply) {
            *ret_reply = reply;
            return REPLI_OK;
        }
        const int32_t code = read_some(redis, op, link);
        if (code != REPLI_OK)
            return code;
    }
}

int32_t repli__redis_ask(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                         const repli__redis_command *commands, size_t count,
                         redisReply **ret_replies, repli_error *err) {
    if (link->fd < 0)
        return repli__redis_fail(redis, err, REPLI_ELOST, NULL, "there is no connection to Redis");
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < count; i++)
        code = send_command(redis, op, link, commands[i]);
    size_t got = 0;
    for (; code == REPLI_OK && got < count; got++)
        code = read_reply(redis, op, link, &ret_replies[got]);
    if (code == REPLI_OK)
        return REPLI_OK;
    const int reason = code == REPLI_ELOST || code == REPLI_EIO ? errno : 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < got)
            freeReplyObject(ret_replies[i]);
        ret_replies[i] = NULL;
    }
    return give_up(redis, link, code, "asking", reason, err);
}

int32_t repli__redis_execute(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                             repli__redis_command command, repli_error *err) {
    redisReply *reply = NULL;
    int32_t code = repli__redis_ask(redis, op, link, &command, 1, &reply, err);
    if (code == REPLI_OK && reply->type == REDIS_REPLY_ERROR)
        code = repli__redis_refused(redis, link, command[0], reply, err);
    freeReplyObject(reply);
    return code;
}

/* What the server says begins with a word for programs. */
static const struct {
    const char *word;
    int32_t code;
} words[] = {
    {"NOAUTH", REPLI_EAUTH},
    {"WRONGPASS", REPLI_EAUTH},
    {"ERR invalid password", REPLI_EAUTH}, /* before version 6 */
    {"NOPERM", REPLI_EPERMISSION},
    {"LOADING", REPLI_ENOTREADY},
    {"BUSY", REPLI_ENOTREADY}, /* a script that does not end */
    {"MASTERDOWN", REPLI_ENOTREADY},
    {"CLUSTERDOWN", REPLI_ENOQUORUM},
    {"READONLY", REPLI_ENOTLEADER},
    {"MISCONF", REPLI_EIO},
    {"OOM", REPLI_EFULL},
    {"ERR max number of clients", REPLI_EFULL},
    {"ERR unknown command", REPLI_ENOTSUP},
    {"ERR unknown subcommand", REPLI_ENOTSUP},
    {"ERR Unknown subcommand", REPLI_ENOTSUP},
    {"ERR Unknown node", REPLI_ENOTFOUND},
    {"DENIED", REPLI_EPERMISSION}, /* protected mode */
};

int32_t repli__redis_refused(const repli__redis *redis, const repli__redis_link *link,
                             const char *command, const redisReply *reply, repli_error *err) {
    int32_t code = REPLI_ESTATE;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncmp(reply->str, words[i].word, strlen(words[i].word)) == 0) {
            code = words[i].code;
            break;
        }
    }
    if (code == REPLI_EAUTH)
        return repli__redis_fail(redis, err, code, reply->str,
                                 "authentication failed at Redis at %s: check user and password",
                                 link->name);
    if (code == REPLI_EPERMISSION)
        return repli__redis_fail(redis, err, code, reply->str,
                                 "missing privilege: Redis at %s does not let the account use %s",
                                 link->name, command);
    return repli__redis_fail(redis, err, code, NULL, "Redis at %s refused %s: %s", link->name,
                             command, reply->str);
}
