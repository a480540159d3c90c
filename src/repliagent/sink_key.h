#ifndef REPLIAGENT_SINK_KEY_H
#define REPLIAGENT_SINK_KEY_H

#include <stdint.h>

enum { SINK_KEY_SIZE = 28 };

/*
 * The key of an event in AllData: its time in UTC to the millisecond, four digits of its number, so
 * that those of one millisecond differ and keep their order, and five that tell agents apart. Those
 * are made of the node's id; if another agent has the same ones, and the key is taken, another
 * attempt makes others. The same arguments always make the same key.
 */
void sink_key(char ret_key[SINK_KEY_SIZE], int64_t time_ns, int64_t number, const char *node_id,
              unsigned attempt);

#endif
