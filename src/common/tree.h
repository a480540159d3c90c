#ifndef COMMON_TREE_H
#define COMMON_TREE_H

#include <stddef.h>

#include "pool.h"
#include "problems.h"

/*
 * A YAML document as a tree in which everything knows its place. What a configuration does not
 * need and mistakes hide behind is refused: anchors, aliases, tags, merge keys, more than one
 * document, and names given twice.
 */

enum { TREE_SCALAR = 1, TREE_LIST, TREE_SECTION };

struct tree_node;

struct tree_entry {
    const char *name; /* NULL in a list */
    struct mark at;
    struct tree_node *value;
};

struct tree_node {
    int type; /* TREE_* */
    struct mark at;
    const char *text; /* of a scalar */
    int quoted;       /* a scalar in quotes or a block is text, whatever it looks like */
    struct tree_entry *entries;
    size_t count;
};

/* *ret_root is NULL for an empty document. 0, or -1 with the reason in problems. */
int tree_parse(const char *text, size_t size, struct pool *pool, struct tree_node **ret_root,
               struct problems *problems);
/* NULL if there is none of that name. */
const struct tree_entry *tree_find(const struct tree_node *section, const char *name);
/* "~", "null" or nothing: the same as if the key had been left out. */
int tree_is_null(const struct tree_node *node);

#endif
