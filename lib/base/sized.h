#ifndef REPLI_BASE_SIZED_H
#define REPLI_BASE_SIZED_H

#include <stddef.h>
#include <stdint.h>

/*
 * Structures that come from a host or a driver begin with their size as the compiler of that side
 * knew it, so they may be smaller or larger than ours. The least size to insist on is that of the
 * first release, REPLI__SIZE_TO its last member: sizeof grows with us and would lock old callers
 * out.
 */
#define REPLI__SIZE_TO(type, last) (offsetof(type, last) + sizeof(((type *)NULL)->last))

/* Size of such a structure as its maker knows it. */
uint32_t repli__sized(const void *from);

/* One of several, which lie as far apart as their maker has made them large. */
const void *repli__sized_at(const void *list, size_t i);

/* Make one of our own size: what its maker did not know is zero, what we do not know is dropped. */
void repli__sized_copy(void *to, uint32_t size, const void *from);

/* Fill one of its maker's with ours as far as both know it; its size and the rest stay. */
void repli__sized_fill(void *to, const void *from, uint32_t size);

#endif
