#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

#include <stdint.h>

/* What a service does before anything else. Each returns -1 on failure, with errno set. */

/* Standard input is of no use to a service, and descriptors 0 to 2 must not become a database. */
int process_prepare_descriptors(void);
/* The signals that mean something, SIGTERM, SIGINT and SIGHUP, as a descriptor. Blocked before any
 * thread is started. */
int process_prepare_signals(void);
/* Block or unblock what asks the service to end. Unblocked, it does what it does by default. */
void process_mask_ends(int how);

/* What a service does until it is to end. */
struct process_watch {
    int64_t interval_ms; /* between looks */
    void (*look)(void *user_data);
    void (*reload)(void *user_data); /* SIGHUP */
    void *user_data;
};

/* Returns the signal that ended it. */
int process_wait(int signals, const struct process_watch *watch);

/* From here on a signal ends the program by its default action: whoever asks twice gets it. What
 * was acknowledged is on disk. An alarm is for what does not keep its own deadline. */
void process_allow_ends(int64_t timeout_ms);

/* Say why one of them failed. Returns the exit status for it. */
int process_cannot_prepare(void);

#endif
