#include "peer.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "plan.h"
#include "redis.h"

static int copy_port(const char *text, size_t size, char ret_port[8]) {
    if (size < 1 || size > 5 || strspn(text, "0123456789") < size)
        return 0;
    snprintf(ret_port, 8, "%.*s", (int)size, text);
    return 1;
}

int repli__redis_address_parse(const char *text, repli__redis_address *ret_address) {
    repli__redis_address address = {"", "", ""};
    const char *bus = strchr(text, '@');
    const size_t size = bus ? (size_t)(bus - text) : strlen(text);
    const char *colon = text + size;
    while (colon > text && *colon != ':')
        colon--;
    const char *host = text;
    size_t length = (size_t)(colon - text);
    if (*colon != ':')
        return 0;
    if (*host == '[' && length > 2 && colon[-1] == ']') {
        host++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof(address.host) || strcspn(host, " \t\r\n") < length ||
        !copy_port(colon + 1, (size_t)(text + size - colon - 1), address.port) ||
        (bus && !copy_port(bus + 1, strlen(bus + 1), address.bus_port)))
        return 0;
    memcpy(address.host, host, length);
    *ret_address = address;
    return 1;
}

static int32_t open_peer(repli__redis_task *task, const repli__redis_target *target,
                         repli__redis_peer *peer, repli_error *err) {
    const int32_t code = repli__redis_connect(task->redis, task->op, target, &peer->link, err);
    return code ? code : repli__redis_look(task->redis, task->op, &peer->link, &peer->seen, err);
}

int32_t repli__redis_peer_here(repli__redis_task *task, repli__redis_peer *peer, repli_error *err) {
    const repli__redis_target target = repli__redis_here(task->redis, &task->redis->config.admin);
    return open_peer(task, &target, peer, err);
}

int32_t repli__redis_peer_at(repli__redis_task *task, const char *address, repli__redis_peer *peer,
                             repli_error *err) {
    repli__redis_address parts;
    if (!repli__redis_address_parse(address, &parts))
        return repli__redis_fail(task->redis, err, REPLI_EINVALID, NULL,
                                 "\"%s\" is no address: it must be \"host:port\"", address);
    const repli__redis_target target = {
        .host = parts.host, .port = parts.port, .account = &task->redis->config.admin};
    return open_peer(task, &target, peer, err);
}

void repli__redis_peer_close(repli__redis_task *task, repli__redis_peer *peer) {
    repli__redis_observation_free(task->redis, &peer->seen);
    repli__redis_disconnect(&peer->link);
}

int32_t repli__redis_peer_do(repli__redis_task *task, repli__redis_peer *peer,
                             repli__redis_command command, repli_error *err) {
    return task->plan ? repli__redis_plan_command(task, peer, command)
                      : repli__redis_execute(task->redis, task->op, &peer->link, command, err);
}

int32_t repli__redis_peer_persist(repli__redis_task *task, repli__redis_peer *peer,
                                  repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        repli__redis_peer_do(task, peer, REPLI__REDIS_COMMAND("CONFIG", "REWRITE"), &error);
    if (code == REPLI_OK)
        return REPLI_OK;
    return repli__redis_fail(task->redis, err, code, error.message,
                             "Redis at %s cannot keep its role over a restart, since it cannot "
                             "write its configuration file: start it with a file that it may "
                             "write, and let the account use CONFIG REWRITE",
                             peer->link.name);
}

int repli__redis_peer_ip(const repli__redis_peer *peer, char ret_ip[64]) {
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    return getpeername(peer->link.fd, (struct sockaddr *)&address, &size) == 0 &&
           getnameinfo((const struct sockaddr *)&address, size, ret_ip, 64, NULL, 0,
                       NI_NUMERICHOST) == 0;
}
