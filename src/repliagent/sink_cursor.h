#ifndef REPLIAGENT_SINK_CURSOR_H
#define REPLIAGENT_SINK_CURSOR_H

#include <stdint.h>

/* How far the shipping of events has come, in a file that is replaced as a whole. */
struct sink_cursor {
    int64_t number;  /* of the last event that was shipped; 0: none was */
    int64_t time_ns; /* its time, by which another database is recognised */
    int64_t key_ns;  /* the time in its key */
};

/* A file that is missing is the beginning. Returns 0, or -1 with errno; EINVAL: it is damaged. */
int sink_cursor_load(const char *path, struct sink_cursor *ret_cursor);
/* On disk when it returns. Returns 0, or -1 with errno. */
int sink_cursor_save(const char *path, const struct sink_cursor *cursor);

#endif
