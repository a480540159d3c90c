#include "driver/nearest.h"

#include <string.h>

enum { LONGEST = 64 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Insertions, deletions and replacements of a byte that turn a into b. Both at most LONGEST. */
static size_t distance(const char *a, const char *b) {
    const size_t width = strlen(b);
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            const size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(replaced, least(diagonal, row[j]) + 1);
        }
    }
    return row[width];
}

/* Alike: no more than about a third of the name differs, or only the section is missing. */
const repli_config_key *repli__nearest_key(const repli_config_key *const *keys, const char *name) {
    const size_t size = strlen(name);
    if (size == 0 || size > LONGEST)
        return NULL;
    const repli_config_key *nearest = NULL;
    size_t best = size / 3 + 1;
    for (; *keys != NULL; keys++) {
        const char *known = (*keys)->name;
        if (strlen(known) > LONGEST)
            continue;
        const char *dot = strrchr(known, '.');
        const size_t differs =
            dot != NULL && strcmp(dot + 1, name) == 0 ? 1 : distance(name, known);
        if (differs <= best && (nearest == NULL || differs < best)) {
            nearest = *keys;
            best = differs;
        }
    }
    return nearest;
}
