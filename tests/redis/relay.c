#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stores.h"

/* What is polled: the listener, the end of a pipe that is closed to stop, and then pairs of a
 * client and its server. */
enum { LISTENER, STOP, PAIRS, MOST = PAIRS + 32 };

static struct pollfd polled[MOST];
static int count, stop, server_port;
static char twice[32];
static pthread_t thread;

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void take_client(void) {
    const struct sockaddr_in address = loopback(server_port);
    const int client = accept(polled[LISTENER].fd, NULL, NULL);
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0 || server < 0 || count == MOST ||
        connect(server, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(client);
        close(server);
        return;
    }
    polled[count++] = (struct pollfd){.fd = client, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = server, .events = POLLIN};
}

static void drop_pair(int first) {
    close(polled[first].fd);
    close(polled[first + 1].fd);
    count -= 2;
    polled[first] = polled[count];
    polled[first + 1] = polled[count + 1];
}

/* Returns 0 if there is nothing more to pass on. */
static int pass_on(int from, int to, int is_client) {
    char bytes[16385], reply[1024];
    const ssize_t size = recv(from, bytes, sizeof(bytes) - 1, 0);
    if (size <= 0)
        return 0;
    bytes[size] = '\0';
    if (is_client && strstr(bytes, twice) &&
        (send(to, bytes, (size_t)size, MSG_NOSIGNAL) != size ||
         recv(to, reply, sizeof(reply), 0) <= 0))
        return 0;
    return send(to, bytes, (size_t)size, MSG_NOSIGNAL) == size;
}

static void *run(void *unused) {
    while (poll(polled, (nfds_t)count, -1) >= 0 && !polled[STOP].revents) {
        for (int i = count - 2; i >= PAIRS; i -= 2) {
            const int client = polled[i].fd, server = polled[i + 1].fd;
            if ((polled[i].revents && !pass_on(client, server, 1)) ||
                (polled[i + 1].revents && !pass_on(server, client, 0)))
                drop_pair(i);
        }
        if (polled[LISTENER].revents)
            take_client();
    }
    return unused;
}

int relay_start(int port, const char *word) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int ends[2];
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(pipe(ends), 0);
    polled[LISTENER] = (struct pollfd){.fd = listener, .events = POLLIN};
    polled[STOP] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    count = PAIRS;
    stop = ends[1];
    server_port = port;
    snprintf(twice, sizeof(twice), "%s", word);
    ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
    return ntohs(address.sin_port);
}

void relay_stop(void) {
    close(stop);
    pthread_join(thread, NULL);
    for (int i = 0; i < count; i++)
        close(polled[i].fd);
}
