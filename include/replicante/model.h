#ifndef REPLICANTE_MODEL_H
#define REPLICANTE_MODEL_H

/*
 * The model as text: validation, and JSON both ways, exactly as clients of the HTTP API read and
 * write it. No function here needs an agent, so programs that talk to agents can use them, too.
 * All are thread-safe.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>
#include <replicante/error.h>
#include <replicante/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Owner of the memory behind a record that was parsed or looked up. */
typedef struct repli_doc repli_doc;

/** Free a document and every record that came with it. NULL is fine. */
REPLI_API void repli_doc_free(repli_doc *doc);

/*
 * Validation: REPLI_OK, or REPLI_EINVALID with the reason.
 *
 * Names, units and requesters have 255 bytes at most, ids and addresses 1024: UTF-8 without control
 * characters. Reasons and values of attributes and headers are any UTF-8 of 64 KiB at most. A node
 * has at most 256 addresses, an action at most 256 headers.
 */

/** Semantic version 2.0.0, such as "1.2.3-rc.1+build". */
REPLI_API int32_t repli_semver_validate(const char *text, repli_error *err);
/** UUID of any version, 36 characters. */
REPLI_API int32_t repli_uuid_validate(const char *text, repli_error *err);
/** "domain/name": a lower-case domain name of at least two labels, '/', and a name of
 *  [A-Za-z0-9._-]; 255 bytes at most. */
REPLI_API int32_t repli_scoped_name_validate(const char *text, repli_error *err);
REPLI_API int32_t repli_node_validate(const repli_node *node, repli_error *err);
REPLI_API int32_t repli_store_extras_validate(const repli_store_extras *extras, repli_error *err);
REPLI_API int32_t repli_shard_validate(const repli_shard *shard, repli_error *err);

/** Not 0 if the domain of a scoped name is replicante.io or below it. */
REPLI_API int32_t repli_scoped_name_reserved(const char *text);

/* Words. */

/** "UNAVAILABLE", "HEALTHY", …, "UNKNOWN"; NULL for a number that is no REPLI_STATUS_*. */
REPLI_API const char *repli_status_name(int32_t status);
/** "Primary", "Secondary", "Recovering", "Other"; NULL for a number that is no REPLI_ROLE_*. */
REPLI_API const char *repli_role_name(int32_t role);
/** "NEW", "RUNNING", "DONE", "FAILED"; NULL for a number that is no REPLI_PHASE_*. */
REPLI_API const char *repli_phase_name(int32_t phase);
/** "done", "failed", "timed_out", "cancelled", "interrupted"; NULL for a number that is no
 *  REPLI_ENDED_*. */
REPLI_API const char *repli_ended_name(int32_t outcome);
/** "status", "role", "membership", …; NULL for a number that is no REPLI_EVENT_*. */
REPLI_API const char *repli_event_type_name(int32_t type);

/* Time and identifiers. */

/** Bytes that any formatted time needs, with the NUL. */
#define REPLI_TIME_SIZE 36

/** Nanoseconds since 1970 to RFC 3339 in UTC, such as "2026-01-02T03:04:05.678Z": with 0, 3, 6 or
 *  9 digits of the second, as few as lose nothing. */
REPLI_API int32_t repli_time_format(int64_t time_ns, char *ret_text, size_t size, repli_error *err);
/** RFC 3339 in UTC ("Z", "+00:00" or "-00:00") to nanoseconds since 1970. Digits after the ninth
 *  are dropped; a leap second is the first second of the next day. Another offset, a date that does
 *  not exist and a year outside 1678 to 2261 are REPLI_EINVALID. */
REPLI_API int32_t repli_time_parse(const char *text, int64_t *ret_time_ns, repli_error *err);

/** Bytes of a UUID as text, with the NUL. */
#define REPLI_UUID_SIZE 37

/** A new UUID of version 7: later ones sort behind, as far as the wall clock tells them apart. */
REPLI_API int32_t repli_uuid_generate(char ret_text[REPLI_UUID_SIZE], repli_error *err);

/*
 * JSON: to text.
 *
 * The record is validated first. The text is appended to ret_json, compact, without newline; on
 * failure ret_json is as it was. Members that are JSON text themselves (arguments, payload, error)
 * are passed on as they are, but for white space: no number loses a digit.
 */

/** A store version that is not known is written as "0.0.0-unknown", since clients need a semantic
 *  version. The reason of a status is written for UNKNOWN only: give the others as the attribute
 *  "agent.replicante.io/status.reason", which repli_node_from_json() reads back. */
REPLI_API int32_t repli_node_to_json(const repli_node *node, repli_buf *ret_json, repli_error *err);
REPLI_API int32_t repli_store_extras_to_json(const repli_store_extras *extras, repli_buf *ret_json,
                                             repli_error *err);
REPLI_API int32_t repli_shards_to_json(const repli_shards *shards, repli_buf *ret_json,
                                       repli_error *err);
REPLI_API int32_t repli_action_to_json(const repli_action *action, repli_buf *ret_json,
                                       repli_error *err);
REPLI_API int32_t repli_action_summaries_to_json(const repli_action_summary *summaries,
                                                 size_t count, repli_buf *ret_json,
                                                 repli_error *err);

/*
 * JSON: from text.
 *
 * Unknown members are ignored. *ret_x is borrowed from *ret_doc, which the caller frees. Bad JSON
 * and bad values are REPLI_EINVALID, and the message names the place or the member. So are a member
 * that is there twice, \u0000, integers of ours beyond 64 bits, and nesting of more than 100 levels
 * in a value or 110 in all. Arguments, payload and error have 1 MiB at most each.
 */

REPLI_API int32_t repli_node_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                       const repli_node **ret_node, repli_error *err);
REPLI_API int32_t repli_store_extras_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                               const repli_store_extras **ret_extras,
                                               repli_error *err);
REPLI_API int32_t repli_shards_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                         const repli_shards **ret_shards, repli_error *err);
REPLI_API int32_t repli_action_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                         const repli_action **ret_action, repli_error *err);
REPLI_API int32_t repli_action_summaries_from_json(const char *json, size_t size,
                                                   repli_doc **ret_doc,
                                                   const repli_action_summary **ret_summaries,
                                                   size_t *ret_count, repli_error *err);

/* Events. */

REPLI_API int32_t repli_event_to_json(const repli_event *event, repli_buf *ret_json,
                                      repli_error *err);

/* Requests. */

/** An action to be scheduled. */
typedef struct repli_request {
    uint32_t struct_size;
    uint32_t reserved;
    const char *kind;
    const char *args_json; /**< any JSON text; NULL for null */
    const char *id;        /**< UUID; NULL: the agent makes one (version 7) */
    int64_t created_ns;    /**< REPLI_TIME_NONE: now */
    const char *requester; /**< NULL: "AGENT_API" */
    const repli_header *headers;
    size_t header_count;
    int64_t deadline_ns;   /**< when it is to end at the latest; REPLI_TIME_NONE or 0: none */
    int64_t not_before_ns; /**< when it may begin; REPLI_TIME_NONE or 0: at once */
} repli_request;

#define REPLI_REQUEST_INIT                                                                         \
    {                                                                                              \
        (uint32_t)sizeof(repli_request), 0, NULL, NULL, NULL, REPLI_TIME_NONE, NULL, NULL, 0,      \
            REPLI_TIME_NONE, REPLI_TIME_NONE                                                       \
    }

REPLI_API int32_t repli_request_to_json(const repli_request *request, repli_buf *ret_json,
                                        repli_error *err);
/** Reads "metadata" or its alias "headers", but not both. The id becomes lower-case. */
REPLI_API int32_t repli_request_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                          const repli_request **ret_request, repli_error *err);

/** Members owner, reason, since, until and allowed_actions. */
REPLI_API int32_t repli_maintenance_to_json(const repli_maintenance *maintenance,
                                            repli_buf *ret_json, repli_error *err);
/** Needs no owner: that may be known from elsewhere. */
REPLI_API int32_t repli_maintenance_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                              const repli_maintenance **ret_maintenance,
                                              repli_error *err);

/** The body of an error answer: {"error": true, "error_msg", "error_cause"?}. What is not UTF-8 in
 *  the error is replaced, so that only memory can be lacking. */
REPLI_API int32_t repli_error_to_json(const repli_error *error, repli_buf *ret_json,
                                      repli_error *err);
/** The message and cause out of an error answer, or out of the error of an action. Fills *ret_error
 *  with code REPLI_EINTERNAL; messages in between, of an "error_trail", follow the first. */
REPLI_API int32_t repli_error_from_json(const char *json, size_t size, repli_error *ret_error,
                                        repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
