#include "tree.h"

#include <string.h>

#include <yaml.h>

enum { DEPTH_MAX = 16 };

struct reader {
    yaml_parser_t parser;
    struct pool *pool;
    struct problems *problems;
};

static struct mark mark_of(yaml_mark_t at) {
    return (struct mark){at.line + 1, at.column + 1};
}

static int nomem(struct reader *reader) {
    problems_nomem(reader->problems);
    return -1;
}

static int syntax_error(struct reader *reader) {
    const yaml_parser_t *p = &reader->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return nomem(reader);
    if (p->error == YAML_READER_ERROR) {
        problems_error(reader->problems, (struct mark){0, 0}, "byte %zu is not valid text: %s",
                       p->problem_offset, p->problem != NULL ? p->problem : "unknown reason");
        return -1;
    }
    problems_error(reader->problems, mark_of(p->problem_mark), "not valid YAML: %s%s%s",
                   p->context != NULL ? p->context : "", p->context != NULL ? ", " : "",
                   p->problem != NULL ? p->problem : "unknown reason");
    return -1;
}

static int next(struct reader *reader, yaml_event_t *event) {
    return yaml_parser_parse(&reader->parser, event) ? 0 : syntax_error(reader);
}

/* Features that are refused, each with its own message. */
static int refuse(struct reader *reader, const yaml_event_t *event) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        problems_error(reader->problems, mark_of(event->start_mark),
                       "found the alias \"*%s\": aliases are not supported, write the value out",
                       event->data.alias.anchor);
        return -1;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default: return 0;
    }
    if (anchor != NULL) {
        problems_error(reader->problems, mark_of(event->start_mark),
                       "found the anchor \"&%s\": anchors are not supported", anchor);
        return -1;
    }
    if (tag != NULL) {
        problems_error(
            reader->problems, mark_of(event->start_mark),
            "found the tag \"%s\": tags are not supported; quote a value to make it text", tag);
        return -1;
    }
    return 0;
}

static struct tree_node *new_node(struct reader *reader, int type, const yaml_event_t *event) {
    struct tree_node *node = pool_alloc(reader->pool, sizeof(*node));
    if (node == NULL) {
        nomem(reader);
        return NULL;
    }
    node->type = type;
    node->at = mark_of(event->start_mark);
    return node;
}

static struct tree_node *read_scalar(struct reader *reader, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    const size_t size = event->data.scalar.length;
    if (memchr(text, '\0', size) != NULL) {
        problems_error(reader->problems, mark_of(event->start_mark),
                       "found a NUL character, which no value may contain");
        return NULL;
    }
    struct tree_node *node = new_node(reader, TREE_SCALAR, event);
    if (node == NULL)
        return NULL;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = pool_text(reader->pool, text, size);
    if (node->text == NULL) {
        nomem(reader);
        return NULL;
    }
    return node;
}

static int add_entry(struct reader *reader, struct tree_node *parent,
                     const struct tree_entry *entry) {
    struct tree_entry *entries =
        pool_grow(reader->pool, parent->entries, parent->count, sizeof(struct tree_entry));
    if (entries == NULL)
        return nomem(reader);
    parent->entries = entries;
    entries[parent->count++] = *entry;
    return 0;
}

static int read_node(struct reader *reader, yaml_event_t *event, int depth,
                     struct tree_node **ret_node);

static int read_list(struct reader *reader, struct tree_node *list, int depth) {
    for (;;) {
        yaml_event_t event;
        if (next(reader, &event) != 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        struct tree_entry entry = {NULL, mark_of(event.start_mark), NULL};
        if (read_node(reader, &event, depth, &entry.value) != 0 ||
            add_entry(reader, list, &entry) != 0)
            return -1;
    }
}

static int check_name(struct reader *reader, const struct tree_node *section,
                      const struct tree_node *name) {
    if (name->type != TREE_SCALAR) {
        problems_error(reader->problems, name->at, "found a %s where a key was expected",
                       name->type == TREE_LIST ? "list" : "section");
        return -1;
    }
    const struct tree_entry *first = tree_find(section, name->text);
    if (first == NULL)
        return 0;
    problems_error(reader->problems, name->at,
                   "the key \"%s\" is there twice, first in line %zu: remove one", name->text,
                   first->at.line);
    return -1;
}

static int read_section(struct reader *reader, struct tree_node *section, int depth) {
    for (;;) {
        yaml_event_t event;
        if (next(reader, &event) != 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        struct tree_node *name;
        struct tree_entry entry;
        if (read_node(reader, &event, depth, &name) != 0 ||
            check_name(reader, section, name) != 0 || next(reader, &event) != 0 ||
            read_node(reader, &event, depth, &entry.value) != 0)
            return -1;
        entry.name = name->text;
        entry.at = name->at;
        if (add_entry(reader, section, &entry) != 0)
            return -1;
    }
}

/* Takes the event over. */
static int read_node(struct reader *reader, yaml_event_t *event, int depth,
                     struct tree_node **ret_node) {
    struct tree_node *node = NULL;
    if (refuse(reader, event) != 0) {
        yaml_event_delete(event);
        return -1;
    }
    const int type = event->type == YAML_SCALAR_EVENT           ? TREE_SCALAR
                     : event->type == YAML_SEQUENCE_START_EVENT ? TREE_LIST
                                                                : TREE_SECTION;
    if (depth >= DEPTH_MAX)
        problems_error(reader->problems, mark_of(event->start_mark),
                       "more than %d levels of sections and lists", (int)DEPTH_MAX);
    else
        node = type == TREE_SCALAR ? read_scalar(reader, event) : new_node(reader, type, event);
    yaml_event_delete(event);
    if (node == NULL)
        return -1;
    if (type == TREE_LIST && read_list(reader, node, depth + 1) != 0)
        return -1;
    if (type == TREE_SECTION && read_section(reader, node, depth + 1) != 0)
        return -1;
    *ret_node = node;
    return 0;
}

/* Skip events up to the start of a document (1) or the end of the stream (0). */
static int next_document(struct reader *reader, struct mark *ret_at) {
    for (;;) {
        yaml_event_t event;
        if (next(reader, &event) != 0)
            return -1;
        const yaml_event_type_t type = event.type;
        *ret_at = mark_of(event.start_mark);
        yaml_event_delete(&event);
        if (type == YAML_DOCUMENT_START_EVENT)
            return 1;
        if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
            return 0;
    }
}

static int read_stream(struct reader *reader, struct tree_node **ret_root) {
    struct mark at;
    struct tree_node *root = NULL;
    int more = next_document(reader, &at);
    if (more < 0)
        return -1;
    if (more) {
        yaml_event_t event;
        if (next(reader, &event) != 0 || read_node(reader, &event, 0, &root) != 0)
            return -1;
        more = next_document(reader, &at);
        if (more < 0)
            return -1;
        if (more) {
            problems_error(reader->problems, at,
                           "a second document begins here: a configuration is a single one");
            return -1;
        }
    }
    *ret_root = root;
    return 0;
}

int tree_parse(const char *text, size_t size, struct pool *pool, struct tree_node **ret_root,
               struct problems *problems) {
    struct reader reader = {.pool = pool, .problems = problems};
    if (!yaml_parser_initialize(&reader.parser))
        return nomem(&reader);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    const int result = read_stream(&reader, ret_root);
    yaml_parser_delete(&reader.parser);
    return result;
}

const struct tree_entry *tree_find(const struct tree_node *section, const char *name) {
    if (section == NULL || section->type != TREE_SECTION)
        return NULL;
    for (size_t i = 0; i < section->count; i++)
        if (strcmp(section->entries[i].name, name) == 0)
            return &section->entries[i];
    return NULL;
}

int tree_is_null(const struct tree_node *node) {
    return node == NULL || (node->type == TREE_SCALAR && !node->quoted &&
                            (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
                             strcmp(node->text, "null") == 0));
}
