#include "web/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"

enum { PORT_ATTEMPTS = 16, LONGEST_HOST = 256 };

static int32_t system_error(repli_error *err, int failed, const char *what) {
    const int32_t code = failed == ENOMEM                      ? REPLI_ENOMEM
                         : failed == EADDRINUSE                ? REPLI_EBUSY
                         : failed == EACCES || failed == EPERM ? REPLI_EPERMISSION
                         : failed == EADDRNOTAVAIL             ? REPLI_EINVALID
                                                               : REPLI_EIO;
    repli__error(err, code, "http", "cannot listen on %s: %s", what, strerror(failed));
    return code;
}

static repli__web_listener *add(repli__web_listeners *listeners, const repli__web_address *address,
                                int fd) {
    repli__web_listener *listener = &listeners->items[listeners->count++];
    *listener = (repli__web_listener){.source = REPLI__WEB_SOURCE_LISTENER,
                                      .fd = fd,
                                      .kind = address->kind,
                                      .tls = address->tls,
                                      .privileged = address->privileged};
    return listener;
}

static void close_from(repli__web_listeners *listeners, size_t first) {
    while (listeners->count > first) {
        const repli__web_listener *listener = &listeners->items[--listeners->count];
        struct stat now;
        if (listener->path[0] != '\0' && lstat(listener->path, &now) == 0 &&
            now.st_dev == listener->device && now.st_ino == listener->inode)
            unlink(listener->path);
        close(listener->fd);
    }
}

void repli__web_listeners_close(repli__web_listeners *listeners) {
    close_from(listeners, 0);
}

void repli__web_listeners_abandon(repli__web_listeners *listeners) {
    while (listeners->count > 0)
        close(listeners->items[--listeners->count].fd);
}

/* TCP. */

static int32_t bad_address(repli_error *err, const char *text) {
    return repli__error(err, REPLI_EINVALID, "http",
                        "\"%s\" is no address to listen on: write host:port, such as "
                        "localhost:8000, 0.0.0.0:8000 or [::]:8000",
                        text);
}

int32_t repli__web_check_tcp(const char *bind_text, repli_error *err) {
    char host[LONGEST_HOST];
    uint16_t port;
    if (!repli__address_split(bind_text, host, sizeof(host), &port))
        return bad_address(err, bind_text);
    return REPLI_OK;
}

static int is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    const struct in6_addr *bytes = &v6->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(bytes) ||
           (IN6_IS_ADDR_V4MAPPED(bytes) && bytes->s6_addr[12] == 127);
}

static uint16_t *port_of(struct sockaddr *address) {
    return address->sa_family == AF_INET ? &((struct sockaddr_in *)(void *)address)->sin_port
                                         : &((struct sockaddr_in6 *)(void *)address)->sin6_port;
}

/* A socket that listens on one address; its port is filled in if it was 0. Returns errno. */
static int listen_on(struct addrinfo *at, int only_v6, int *ret_fd) {
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    const int yes = 1;
    const int only = only_v6;
    socklen_t size = at->ai_addrlen;
    if ((setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0) &&
        (at->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) == 0) &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0 &&
        getsockname(fd, at->ai_addr, &size) == 0) {
        *ret_fd = fd;
        return 0;
    }
    const int failed = errno;
    close(fd);
    return failed;
}

/* Whether a name leads to addresses of both families, which must then not share a socket. */
static int has_v4(const struct addrinfo *addresses) {
    for (; addresses != NULL; addresses = addresses->ai_next)
        if (addresses->ai_family == AF_INET)
            return 1;
    return 0;
}

/* Listen on all addresses, on the port that the first one got. What a machine does not have, such
 * as IPv6 behind "localhost", is left out, if anything is left. Returns errno. */
static int listen_on_all(repli__web_listeners *listeners, const repli__web_address *address,
                         struct addrinfo *addresses, uint16_t *ret_port) {
    const size_t first = listeners->count;
    const int only_v6 = has_v4(addresses);
    uint16_t port = *port_of(addresses->ai_addr);
    int absent = 0;
    for (struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        if (listeners->count == REPLI__WEB_LISTENERS)
            break;
        *port_of(at->ai_addr) = port;
        int fd = -1;
        const int failed = listen_on(at, only_v6, &fd);
        if (failed == EADDRNOTAVAIL || failed == EAFNOSUPPORT) {
            absent = failed;
            continue;
        }
        if (failed != 0) {
            close_from(listeners, first);
            return failed;
        }
        add(listeners, address, fd)->loopback = is_loopback(at->ai_addr);
        port = *port_of(at->ai_addr);
    }
    if (listeners->count == first)
        return absent != 0 ? absent : EMFILE;
    *ret_port = ntohs(port);
    return 0;
}

/* A name server that does not answer says nothing about the name. */
static int32_t code_of(int unknown) {
    return unknown == EAI_MEMORY ? REPLI_ENOMEM : unknown == EAI_AGAIN ? REPLI_EIO : REPLI_EINVALID;
}

static int32_t listen_tcp(repli__web_listeners *listeners, const repli__web_address *address,
                          uint16_t *ret_port, repli_error *err) {
    const char *bind_text = address->tcp;
    char host[LONGEST_HOST];
    char port[8];
    uint16_t number;
    if (!repli__address_split(bind_text, host, sizeof(host), &number))
        return bad_address(err, bind_text);
    snprintf(port, sizeof(port), "%u", number);
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    int failed = EADDRINUSE;
    /* A port that is free on one address may be taken on the next: then try another. */
    for (int i = 0; failed == EADDRINUSE && i < (number == 0 ? PORT_ATTEMPTS : 1); i++) {
        struct addrinfo *addresses;
        const int unknown = getaddrinfo(host, port, &hints, &addresses);
        if (unknown == EAI_SYSTEM)
            return system_error(err, errno, bind_text);
        if (unknown != 0)
            return repli__error(err, code_of(unknown), "http", "cannot listen on %s: %s", bind_text,
                                gai_strerror(unknown));
        failed = listen_on_all(listeners, address, addresses, ret_port);
        freeaddrinfo(addresses);
    }
    return failed == 0 ? REPLI_OK : system_error(err, failed, bind_text);
}

/* UNIX. */

/* Whether somebody accepts connections there. Returns 0, or why it cannot be told or replaced. */
static int probe(const struct sockaddr_un *address) {
    struct stat file;
    if (lstat(address->sun_path, &file) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(file.st_mode))
        return EEXIST;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    /* A server with a full backlog answers EAGAIN: it lives. */
    const int failed =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? EADDRINUSE : errno;
    close(fd);
    if (failed == ECONNREFUSED)
        return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : errno;
    return failed == EAGAIN ? EADDRINUSE : failed;
}

/* Nobody can connect before listen(), so the permissions are in place by then. */
static int bind_unix(int fd, const struct sockaddr_un *address, mode_t mode) {
    int failed = probe(address);
    if (failed == 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return errno;
    if (failed == 0 && (chmod(address->sun_path, mode) != 0 || listen(fd, SOMAXCONN) != 0)) {
        failed = errno;
        unlink(address->sun_path);
    }
    return failed;
}

static int32_t unix_error(repli_error *err, int failed, const char *path) {
    if (failed == EEXIST)
        return repli__error(err, REPLI_EINVALID, "http",
                            "cannot listen on %s: there is a file of that name that is no socket",
                            path);
    if (failed == EADDRINUSE)
        return repli__error(err, REPLI_EBUSY, "http",
                            "cannot listen on %s: another program listens there", path);
    return system_error(err, failed, path);
}

int32_t repli__web_check_unix(const char *path, repli_error *err) {
    enum { SIZE = sizeof(((struct sockaddr_un *)0)->sun_path) };
    if (*path != '\0' && strlen(path) < SIZE)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "http",
                        "the path of a UNIX socket has 1 to %d bytes; \"%s\" has %zu", SIZE - 1,
                        path, strlen(path));
}

static int32_t listen_unix(repli__web_listeners *listeners, const repli__web_address *address,
                           repli_error *err) {
    const char *path = address->unix_path;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int32_t code = repli__web_check_unix(path, err);
    if (code != REPLI_OK)
        return code;
    if (listeners->count == REPLI__WEB_LISTENERS)
        return system_error(err, EMFILE, path);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return system_error(err, errno, path);
    int failed = bind_unix(fd, &at, address->mode);
    struct stat file;
    if (failed == 0 && lstat(path, &file) != 0)
        failed = errno;
    if (failed != 0) {
        close(fd);
        return unix_error(err, failed, path);
    }
    repli__web_listener *listener = add(listeners, address, fd);
    memcpy(listener->path, at.sun_path, sizeof(listener->path));
    listener->device = file.st_dev;
    listener->inode = file.st_ino;
    return REPLI_OK;
}

int32_t repli__web_listeners_add(repli__web_listeners *listeners, const repli__web_address *address,
                                 uint16_t *ret_port, repli_error *err) {
    return address->tcp != NULL ? listen_tcp(listeners, address, ret_port, err)
                                : listen_unix(listeners, address, err);
}
