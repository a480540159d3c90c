#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

/*
 * Does a driver keep the rules? The driver runs in processes of its own, against a live store, so
 * that a crash, an endless call or a change of the process is a finding and nothing worse.
 *
 * One thread; while a run lasts, SIGINT and SIGTERM wait until the store is as it was.
 */

enum { CONFORMANCE_MUST = 1, CONFORMANCE_SHOULD, CONFORMANCE_MAY };
enum { CONFORMANCE_NOT_APPLICABLE = 1, CONFORMANCE_PASS, CONFORMANCE_FAIL };

/* What may be done to the store from outside. */
enum {
    CONFORMANCE_STOP,
    CONFORMANCE_START,
    CONFORMANCE_HANG,
    CONFORMANCE_RESUME,
    CONFORMANCE_WRITE,
    CONFORMANCE_VERSION, /* prints the store's version, for an agent */
    CONFORMANCE_COMMAND_COUNT
};

/* Everything is borrowed for as long as the run. Lists end with NULL; a list that is NULL is not
 * configured. */
struct conformance_options {
    const char *driver; /* absolute path of its file */
    const char *config_json;
    const char *wrong_config_json; /* with credentials that the store refuses; may be NULL */
    const char *const *commands[CONFORMANCE_COMMAND_COUNT];
    const char *const *own_addresses; /* host:port, beside those in the driver's configuration */
    const char *const *actions;       /* "KIND ARGUMENTS" */
    const char *version_text; /* holds the store's version, for an agent; may be NULL */
    int64_t calls;                    /* in the search for leaks */
    int64_t deadline_ms;              /* of each call */
    int64_t settle_ms;                /* for the store, and the commands, to do what they must */
    void (*progress)(const char *what, void *user_data); /* may be NULL */
    void *user_data;
};

struct conformance_result {
    const char *id, *title;
    int level;   /* CONFORMANCE_MUST, … */
    int verdict; /* CONFORMANCE_PASS, … */
    const char *evidence;
};

struct conformance;

int32_t conformance_new(struct conformance **ret_conformance, repli_error *err);
void conformance_free(struct conformance *conformance);
/* Only whether the driver of that file can be loaded at all: not 0 if so. The first thing to ask,
 * before this process loads it itself. */
int conformance_load(struct conformance *conformance, const char *driver);
/* Everything else. Fails if the run itself cannot be done. */
int32_t conformance_run(struct conformance *conformance, const struct conformance_options *options,
                        repli_error *err);

/* The rules in their order. Texts belong to the object. */
size_t conformance_count(void);
struct conformance_result conformance_result(const struct conformance *conformance, size_t index);

#endif
