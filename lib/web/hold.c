#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "web/loop.h"

/* To be asked again costs about a tenth of being suspended. */
enum { HELD_RUNS = 8 };
#define HELD_NS (2 * (uint64_t)REPLI__NS_PER_MS)

static uint64_t end_of(const repli__web_connection *connection) {
    return connection->since_ns + HELD_NS;
}

static void arm(repli__web *web, uint64_t until_ns) {
    if (until_ns < web->held_until_ns)
        web->held_until_ns = until_ns;
}

void repli__web_hold(repli__web_connection *connection) {
    repli__web *web = connection->web;
    if (web->driven) {
        MHD_suspend_connection(connection->mhd);
        return;
    }
    connection->held = HELD_RUNS;
    web->held_count++;
    arm(web, end_of(connection));
}

void repli__web_hold_on(repli__web_connection *connection) {
    repli__web *web = connection->web;
    if (--connection->held > 0 && end_of(connection) > web->now_ns) {
        arm(web, end_of(connection));
        return;
    }
    connection->held = 0;
    web->held_count--;
    MHD_suspend_connection(connection->mhd);
}

void repli__web_unhold(repli__web_connection *connection) {
    if (connection->held == 0)
        return;
    connection->held = 0;
    connection->web->held_count--;
}

void repli__web_hold_wait(repli__web *web) {
    struct pollfd fds[] = {{.fd = web->mailbox->wake_fd, .events = POLLIN},
                           {.fd = web->epoll_fd, .events = POLLIN}};
    while (web->held_count > 0) {
        const uint64_t now_ns = repli__mono_ns();
        if (now_ns >= web->held_until_ns)
            return;
        const uint64_t left_ns = web->held_until_ns - now_ns;
        const struct timespec left = {.tv_nsec = (long)(left_ns < HELD_NS ? left_ns : HELD_NS)};
        if (ppoll(fds, 2, &left, NULL) <= 0 || !(fds[0].revents & POLLIN))
            return;
        /* More answers are on their way; what else the bell rang for is the next turn's. */
        repli__web_deliver(web);
        web->rung = 1;
    }
}
