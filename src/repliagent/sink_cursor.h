#ifndef REPLIAGENT_SINK_CURSOR_H
#define REPLIAGENT_SINK_CURSOR_H

#include <stdint.h>

/* How far the shipping of events has come, in a file that is replaced as a whole. */
struct sink_cursor {
    int64_t number;  /* of the last event that was shipped; 0: none was */
    int64_t time_ns; /* its time, by which another database is recognised */
    /* The event whose own time AllData does not accept, and the one that is in its key instead; 0:
     * there is none. Written down before it is shipped, so that it is shipped under one key. */
    int64_t odd_number;
    int64_t odd_ns;
};

/* A file that is missing is the beginning. Returns 0, or -1 with errno; EINVAL: it is damaged. */
int sink_cursor_load(const char *path, struct sink_cursor *ret_cursor);
/* On disk when it returns. Returns 0, or -1 with errno. */
int sink_cursor_save(const char *path, const struct sink_cursor *cursor);

#endif
