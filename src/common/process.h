#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

/* What a service does before anything else. Each returns -1 on failure, with errno set. */

/* Standard input is of no use to a service, and descriptors 0 to 2 must not become a database. */
int process_prepare_descriptors(void);
/* The signals that mean something, SIGTERM, SIGINT and SIGHUP, as a descriptor. Blocked before any
 * thread is started. */
int process_prepare_signals(void);
/* Block or unblock what asks the service to end. Unblocked, it does what it does by default. */
void process_mask_ends(int how);

/* Say why one of them failed. Returns the exit status for it. */
int process_cannot_prepare(void);

#endif
