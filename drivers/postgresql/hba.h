#ifndef REPLI_PG_HBA_H
#define REPLI_PG_HBA_H

#include "task.h"

/*
 * Lines of pg_hba.conf that let another node's replication in. Each ends with a comment that names
 * the node, by which it is found again; no other line is ever touched. Both need the file to be on
 * this machine and writable, and make the server read it again.
 */
int32_t repli__pg_hba_admit(repli__pg_task *task, const char *node, const char *address,
                            repli_error *err);
int32_t repli__pg_hba_forget(repli__pg_task *task, const char *node, repli_error *err);

#endif
