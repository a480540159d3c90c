#ifndef REPLIAGENT_SINK_HTTP_H
#define REPLIAGENT_SINK_HTTP_H

#include <stdatomic.h>
#include <stddef.h>

/* Where the events go: nodes of AllData, asked in turn until one answers. */
struct sink_http;

/* What a node answered. */
struct sink_answer {
    long status; /* of HTTP; 0: none answered */
    char *body;  /* NUL-terminated, or NULL; belongs to the sink_http */
    size_t size;
};

/* Whether that is a sink's address: alldata://HOST:PORT,... or alldata+https://... or
 * alldata+unix:/PATH. If not, *ret_why tells why. */
int sink_http_check(const char *address, const char **ret_why);

/* ends: when it becomes other than 0 a request is given up; it outlives the result. secret, ca:
 * NULL for none; ca is a file. NULL: out of memory. */
struct sink_http *sink_http_new(const char *address, const char *secret, const char *ca,
                                const atomic_int *ends);
void sink_http_free(struct sink_http *http);

/* Hand over records, to the node that took them last or else to the next. Returns 0 if one
 * answered, whatever it did. */
int sink_http_post(struct sink_http *http, const char *body, size_t size,
                   struct sink_answer *ret_answer);
/* Go to the next node, because the answer of this one was no good. */
void sink_http_turn(struct sink_http *http);
/* Why none did, for people. */
const char *sink_http_message(const struct sink_http *http);
/* The node that was asked last. */
const char *sink_http_node(const struct sink_http *http);

#endif
