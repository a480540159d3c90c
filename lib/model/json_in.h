#ifndef REPLI_MODEL_JSON_IN_H
#define REPLI_MODEL_JSON_IN_H

#include "model/doc.h"
#include "base/json_span.h"

/*
 * Reading documents: a text is checked once, then what is wanted of it is found where it stands and
 * copied into the document's arena. There is no tree in between: numbers keep every digit, all
 * memory comes from the arena, and want of it is noticed. (jansson then drops characters of strings
 * without a word, and it aborts in locales whose decimal point is longer than a byte.)
 *
 * The first mistake is remembered in code and err; from then on everything looks absent, so that
 * only the end has to be checked.
 */
typedef struct repli__json_in {
    repli__arena *arena;
    repli_error *err;
    int32_t code;
    const char *path; /* of the object being read, such as "store_version."; "" at the root */
} repli__json_in;

/* A member of interest: its name, and its value once it was found. */
typedef struct repli__json_member {
    const char *name;
    repli__json_span value; /* none if it is absent or null */
} repli__json_member;

/* Find members in an object, in one pass. One that is there twice is refused, for which of its
 * values counts would be anyone's guess. No object: no members. */
void repli__json_members(repli__json_in *in, repli__json_span object, repli__json_member *members,
                         size_t count);

enum { REPLI__OPTIONAL = 0, REPLI__REQUIRED = 1 };

/* Values of members, and what they are where they are absent: NULL, no span, REPLI_TIME_NONE. What
 * is required must be there; what is there must have the type. */
repli__json_span repli__json_get_object(repli__json_in *in, const repli__json_member *member,
                                        int required);
repli__json_span repli__json_get_array(repli__json_in *in, const repli__json_member *member,
                                       int required);
const char *repli__json_get_text(repli__json_in *in, const repli__json_member *member,
                                 int required);
const char *repli__json_get_uuid(repli__json_in *in, const repli__json_member *member,
                                 int required);
int64_t repli__json_get_integer(repli__json_in *in, const repli__json_member *member);
int64_t repli__json_get_time(repli__json_in *in, const repli__json_member *member);
/* JSON text, as it was written but for white space. */
const char *repli__json_get_json(repli__json_in *in, const repli__json_member *member);

/* Longest word that means something, with room to see that a longer one does not. */
enum { REPLI__WORD_SIZE = 32 };

/* A string that is one of a few words; 0 if it is no string. */
int repli__json_get_word(repli__json_in *in, repli__json_span value,
                         char ret_word[REPLI__WORD_SIZE]);

/* Refuse a member: it must be EXPECTED, and is not; or is missing. */
void repli__json_refuse(repli__json_in *in, const repli__json_member *member, const char *expected);
/* Likewise, for a string that should be one of a few words. */
void repli__json_refuse_word(repli__json_in *in, const repli__json_member *member,
                             const char *expected, const char *word);
/* Likewise, for a member of a map, whose name may be anything. */
void repli__json_refuse_entry(repli__json_in *in, const repli__json_member *map,
                              repli__json_span name, const char *expected, repli__json_span found);
/* Put "WHERE[index]: " before the message of a refusal that was met since code was REPLI_OK. */
void repli__json_within(repli__json_in *in, const char *where, size_t index);

/* The next item of an array, which must be an object. */
repli__json_span repli__json_next_object(repli__json_in *in, repli__json_span array, size_t *at);

/* Copies; NULL when out of memory. */
const char *repli__json_copy_string(repli__json_in *in, repli__json_span string);
void *repli__json_new_array(repli__json_in *in, size_t count, size_t size);

/* Read a whole document into a record of record_size bytes. The root is an object. read fills the
 * record and reports through in. what names the document in messages. */
typedef void (*repli__json_read_fn)(repli__json_in *in, repli__json_span root, void *record);

int32_t repli__json_read(const repli__mem *mem, const char *json, size_t size, const char *what,
                         size_t record_size, repli__json_read_fn read, repli_doc **ret_doc,
                         const void **ret_record, repli_error *err);

#endif
