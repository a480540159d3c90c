#ifndef CONFORMANCE_TRACK_H
#define CONFORMANCE_TRACK_H

#include "conformance/subject.h"

/* What must not change from one observation of a store that runs to the next. */
void track_next(struct board *board, const struct look *before, const struct look *now);

/* The ids and the version that an observation tells. */
void track_identity(const struct look *look, struct board_identity *ret_identity);
/* Judge whether they are those that were seen before. */
void track_same_identity(struct board *board, enum rule_id rule, const struct look *look,
                         const char *when);

/* Not 0 if a node with that status is reachable and known. */
int track_is_up(int32_t status);
/* "UNAVAILABLE: the reason", in a buffer of the caller's. */
const char *track_status(const struct look *look, char *text, size_t size);

#endif
