#ifndef TESTS_CLUSTER_H
#define TESTS_CLUSTER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * A cluster of `alldata serve` processes on this machine, in a directory of its own, on ports that
 * were free when it was made. What goes wrong in here fails the test.
 */

enum { CLUSTER_NODES = 6, CLUSTER_ADDRESS = 64 };

typedef struct cluster_node {
    pid_t pid; /* 0: does not run */
    int number;
    char id[16];
    char address[32];                      /* of the machine that it is on */
    const char *zone;                      /* NULL: none */
    const char *region;                    /* likewise */
    char more[192];                        /* YAML that its configuration ends with */
    char peers_more[768];                  /* what follows in its map of peers, ", KEY: ..." */
    char data[160], config[160], log[160]; /* paths */
    char url[CLUSTER_ADDRESS];             /* for its clients, once it was started */
    int clients, peers, gossip;            /* ports */
    long clock_s;                          /* by which its clock is wrong */
    int may_stick;                         /* its disk, while there is a file DATA.stuck */
    pid_t machine;                         /* a process in its network namespace; 0: this one */
} cluster_node;

typedef struct cluster {
    char directory[96];
    int factor;
    const char *commit;  /* NULL: as the program has it */
    int peer_timeout_ms; /* 0: likewise */
    const char *more;    /* YAML that every configuration has; NULL: nothing */
    size_t count;
    cluster_node nodes[CLUSTER_NODES];
} cluster;

/* Names, ports and directories for count nodes; zones and regions may be set before the start. */
void cluster_init(cluster *c, size_t count, int factor);
/* Kill what runs, and remove all. */
void cluster_dispose(cluster *c);

/* Write a node's configuration anew. Starting one does so, too. */
void cluster_configure(const cluster *c, size_t i);
/* Start one and wait until it answers. */
void cluster_start(cluster *c, size_t i);
/* The same without waiting. */
void cluster_spawn(cluster *c, size_t i);
void cluster_wait(cluster *c, size_t i);
/* Start all, and wait until each knows each. */
void cluster_start_all(cluster *c);
/* Send a signal and wait for what it does: that the node is stopped, goes on, or has ended. */
void cluster_signal(cluster *c, size_t i, int signal_number);
/* Wait until node i says that so many peers live. */
void cluster_wait_live(cluster *c, size_t i, int live);
/* Wait until every node that runs says that all others do live that run. */
void cluster_wait_all_live(cluster *c);
/* Ask node i for a document. Returns the status, 0 if there was no answer; *ret_body is to be freed
 * and may be NULL. */
int cluster_ask(const cluster *c, size_t i, const char *method, const char *path, const char *body,
                char **ret_body);
/* A number out of what a node says of itself, GET /_alldata/status; -1 if it does not answer. */
long cluster_status(cluster *c, size_t i, const char *name);
/* Wait until a node's log has that text so many times. */
void cluster_wait_log(const cluster *c, size_t i, const char *text, int count);
/* The last of a node's log, for messages. */
const char *cluster_log(const cluster *c, size_t i);

long cluster_now_ms(void);
void cluster_pause_ms(long ms);

#endif
