#include "base/sized.h"

#include <string.h>

uint32_t repli__sized(const void *from) {
    uint32_t size;
    memcpy(&size, from, sizeof(size));
    return size;
}

void repli__sized_copy(void *to, uint32_t size, const void *from) {
    const uint32_t known = repli__sized(from);
    memset(to, 0, size);
    memcpy(to, from, known < size ? known : size);
    memcpy(to, &size, sizeof(size));
}

void repli__sized_fill(void *to, const void *from, uint32_t size) {
    const uint32_t room = repli__sized(to);
    memcpy(to, from, size < room ? size : room);
    memcpy(to, &room, sizeof(room));
}

const void *repli__sized_at(const void *list, size_t i) {
    return (const char *)list + i * repli__sized(list);
}
