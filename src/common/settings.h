#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <replicante/driver.h>

#include "pool.h"
#include "problems.h"
#include "tree.h"

/* Where a value comes from. */
enum {
    SETTING_UNSET = 0, /* and there is no default */
    SETTING_DEFAULT,
    SETTING_FILE,
    SETTING_SECRET_FILE, /* the file that KEY_file names */
    SETTING_ENVIRONMENT,
    SETTING_OPTION /* the command line */
};

struct setting {
    const repli_config_key *key;
    const char *name;         /* in full, such as "http.bind" or "postgresql.host" */
    int owner;                /* whose key it is: the program's to say */
    int origin;               /* SETTING_* */
    struct mark at;           /* of one that is missing, what lacks it */
    const char *source;       /* name of the variable, or path of the secret's file */
    const char *text;         /* of all types but lists; NULL if unset */
    const char *const *items; /* of a list */
    size_t item_count;
    int64_t number; /* of an integer; 0 or 1 for a boolean */
};

/* What a configuration file says, and what it does not say. Zeroed is empty. */
struct settings {
    struct pool pool;
    const char *path;
    const char *manual;  /* the page that names all keys */
    const char *section; /* whose sections are called as people like; or NULL */
    int last_owner;      /* whose settings are printed last */
    struct setting *list;
    size_t count;
};

/* 0, or -1 with the reason in problems. manual is static. */
int settings_init(struct settings *settings, const char *path, const char *manual,
                  struct problems *problems);
void settings_dispose(struct settings *settings);

/* The setting of a full name; NULL if there is no such key. */
const struct setting *settings_find(const struct settings *settings, const char *name);
/* Its text, or NULL. */
const char *settings_text(const struct settings *settings, const char *name);
/* The same, and NULL if it is empty. */
const char *settings_some(const struct settings *settings, const char *name);
/* Its number. */
int64_t settings_number(const struct settings *settings, const char *name);

/* As YAML that could be used again, with the origin of each value and without secrets. */
void settings_print(const struct settings *settings, FILE *to);

/* Steps of reading; each adds to problems what it finds. */

/* Settings of these keys, with their defaults; prefix: "" or a section's name and a dot. */
int settings_declare(struct settings *settings, int owner, const repli_config_key *const *keys,
                     const char *prefix, struct problems *problems);
/* The file; *ret_root is NULL if nothing stands in it. 0 or -1. */
int settings_read(struct settings *settings, struct tree_node **ret_root,
                  struct problems *problems);
/* The text of an entry of the root that is needed before all is assigned. */
const char *settings_peek(const struct tree_node *root, const char *name, const char *otherwise);
/* Assign what stands in the section at path ("" for the root). What is not known is a problem,
 * unless it is the root entry called skip (may be NULL). */
void settings_assign(struct settings *settings, const struct tree_node *section, const char *path,
                     const char *skip, struct problems *problems);
void settings_assign_entry(struct settings *settings, const struct tree_entry *entry,
                           const char *path, struct problems *problems);
/* A value for a setting, checked against its key. */
void settings_set(struct settings *settings, struct setting *setting, const struct tree_node *value,
                  struct problems *problems);
void settings_set_text(struct settings *settings, struct setting *setting, int origin,
                       const char *source, const char *text, struct problems *problems);
/* A variable of the environment wins over the file. */
void settings_take_variable(struct settings *settings, const char *variable, const char *name,
                            struct problems *problems);
/* What is required must be there, and secrets must be secret. */
void settings_check(const struct settings *settings, struct problems *problems);

/* What is fixed until the next start must be as it was. */
void settings_check_fixed(const struct settings *old, const struct settings *fresh,
                          int (*is_fixed)(const struct setting *setting),
                          struct problems *problems);

/* How many single-letter mistakes, of which a swap is one, lie between two names. */
size_t settings_distance(const char *a, const char *b);

/* What some settings stand for (settings_use.c). */

/* The text of the PEM file that a setting names; NULL if it is not set. */
const char *settings_pem(struct settings *settings, const char *name, int private,
                         struct problems *problems);
/* Permissions in octal; 0 if it is none. */
uint32_t settings_mode(const struct settings *settings, const char *name,
                       struct problems *problems);

/* Keys, written as a program does. */
#define SETTINGS_KEY(kind, key_flags, key_name, key_default, key_choices, key_min, key_max,        \
                     key_summary)                                                                  \
    &(const repli_config_key) {                                                                    \
        .struct_size = (uint32_t)sizeof(repli_config_key), .type = REPLI_CONFIG_##kind,            \
        .flags = (key_flags), .name = (key_name), .default_text = (key_default),                   \
        .choices = (key_choices), .min = (key_min), .max = (key_max), .summary = (key_summary)     \
    }
#define SETTINGS_TEXT(name, flags, value, summary)                                                 \
    SETTINGS_KEY(STRING, flags, name, value, NULL, 0, 0, summary)
#define SETTINGS_NUMBER(name, value, min, max, summary)                                            \
    SETTINGS_KEY(INTEGER, 0, name, value, NULL, min, max, summary)
#define SETTINGS_BOOLEAN(name, value, summary)                                                     \
    SETTINGS_KEY(BOOLEAN, 0, name, value, NULL, 0, 0, summary)
#define SETTINGS_LIST(name, summary) SETTINGS_KEY(STRINGS, 0, name, NULL, NULL, 0, 0, summary)
#define SETTINGS_CHOICE(name, value, words, summary)                                               \
    SETTINGS_KEY(CHOICE, 0, name, value, words, 0, 0, summary)

#endif
