#include "web/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "web/exchange.h"

static int32_t open_wake_fd(repli__web_mailbox *mailbox, repli_error *err) {
    mailbox->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->wake_fd < 0)
        return repli__error(err, REPLI_EIO, "http", "cannot make an event descriptor: %s",
                            strerror(errno));
    return REPLI_OK;
}

int32_t repli__web_mailbox_new(const repli__mem *mem, const repli__web_handler *handler,
                               repli__web_mailbox **ret_mailbox, repli_error *err) {
    repli__web_mailbox *mailbox = repli__calloc(mem, 1, sizeof(*mailbox));
    if (mailbox == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    mailbox->source = REPLI__WEB_SOURCE_MAILBOX;
    mailbox->mem = *mem;
    mailbox->handler = *handler;
    mailbox->wake_fd = -1;
    atomic_init(&mailbox->references, 1);
    int32_t code = repli__web_prepare(mem, handler->no_memory, &mailbox->no_memory, err);
    if (code == REPLI_OK)
        code = open_wake_fd(mailbox, err);
    if (code != REPLI_OK)
        repli__web_mailbox_unref(mailbox);
    else
        *ret_mailbox = mailbox;
    return code;
}

void repli__web_mailbox_unref(repli__web_mailbox *mailbox) {
    if (mailbox == NULL || atomic_fetch_sub(&mailbox->references, 1) != 1)
        return;
    repli__web_prepared_unref(mailbox->no_memory);
    if (mailbox->wake_fd >= 0)
        close(mailbox->wake_fd);
    const repli__mem mem = mailbox->mem;
    repli__free(&mem, mailbox);
}

void repli__web_mailbox_ring(repli__web_mailbox *mailbox) {
    const uint64_t one = 1;
    /* Fails only if it is rung already. */
    const ssize_t written = write(mailbox->wake_fd, &one, sizeof(one));
    (void)written;
}

void repli__web_mailbox_wake(repli__web_mailbox *mailbox) {
    if (!atomic_exchange(&mailbox->wakes, 1))
        repli__web_mailbox_ring(mailbox);
}

static repli__web_exchange *closed_mark(repli__web_mailbox *mailbox) {
    return (repli__web_exchange *)(void *)mailbox;
}

void repli__web_mailbox_post(repli__web_mailbox *mailbox, repli__web_exchange *exchange) {
    repli__web_exchange *newest = atomic_load(&mailbox->newest);
    /* The exchange's reference to the mailbox may be gone before the bell is rung. */
    atomic_fetch_add(&mailbox->references, 1);
    do {
        if (newest == closed_mark(mailbox))
            break;
        exchange->next = newest;
    } while (!atomic_compare_exchange_weak(&mailbox->newest, &newest, exchange));
    if (newest == closed_mark(mailbox))
        repli__web_exchange_abandon(exchange);
    else if (newest == NULL)
        repli__web_mailbox_ring(mailbox);
    repli__web_mailbox_unref(mailbox);
}

static repli__web_exchange *empty(repli__web_mailbox *mailbox, repli__web_exchange *instead) {
    repli__web_exchange *oldest = NULL;
    repli__web_exchange *newest = atomic_exchange(&mailbox->newest, instead);
    while (newest != NULL) {
        repli__web_exchange *before = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    return oldest;
}

repli__web_exchange *repli__web_mailbox_take(repli__web_mailbox *mailbox) {
    uint64_t rung;
    const ssize_t got = read(mailbox->wake_fd, &rung, sizeof(rung));
    (void)got;
    return empty(mailbox, NULL);
}

void repli__web_mailbox_close(repli__web_mailbox *mailbox) {
    repli__web_exchange *next = empty(mailbox, closed_mark(mailbox));
    while (next != NULL) {
        repli__web_exchange *exchange = next;
        next = exchange->next;
        repli__web_exchange_abandon(exchange);
    }
}
