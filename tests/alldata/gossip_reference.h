#ifndef TESTS_GOSSIP_REFERENCE_H
#define TESTS_GOSSIP_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A node that gossips as the reference's do, faults included: it takes digests at their word, keeps
 * one version per peer and never an address anew. What would end the reference's process ends the
 * test.
 */
typedef struct reference reference;

typedef struct reference_options {
    const char *id;
    int32_t port;
    const int32_t *seed_ports;
    size_t seed_count;
    void (*send)(void *user_data, const char *host, int32_t port, const char *frame, size_t size);
    uint64_t (*random)(void *user_data);
    void *user_data;
} reference_options;

reference *reference_new(const reference_options *options, uint64_t now_ms);
void reference_free(reference *node);
/* value is JSON. */
void reference_update(reference *node, const char *key, const char *value);
void reference_receive(reference *node, uint64_t now_ms, const char *frame, size_t size);
/* Rounds are 1000 ms apart. */
uint64_t reference_due_ms(const reference *node);
void reference_round(reference *node, uint64_t now_ms);

/* -1: not known, 0: dead, 1: live. */
int reference_knows(const reference *node, const char *id);
/* JSON, compact; to be freed. NULL: none. */
char *reference_value(const reference *node, const char *id, const char *key);
size_t reference_count(const reference *node);

#endif
