#ifndef REPLI_ACTION_WAITING_H
#define REPLI_ACTION_WAITING_H

#include <stdint.h>

#include "base/arena.h"

/*
 * What an action waits for stands in its payload, in two members that belong to the library:
 * "waiting_for", text for people, and "since", when that text appeared.
 */

/* Make a payload, an object or NULL, say waiting_for (NULL: nothing). before is the payload until
 * now, or NULL: if it says the same, since when stays. *ret_payload is in the arena. */
int32_t repli__waiting_say(repli__arena *arena, const char *payload, const char *waiting_for,
                           const char *before, int64_t now_ns, const char **ret_payload);

#endif
