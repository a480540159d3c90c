#ifndef REPLI_MODEL_DOC_H
#define REPLI_MODEL_DOC_H

#include <replicante/model.h>

#include "base/arena.h"

/* Where the reason of a status other than UNKNOWN is published. */
#define REPLI__STATUS_REASON_ATTRIBUTE "agent.replicante.io/status.reason"

/* Owner of records: an arena on the heap. */
struct repli_doc {
    repli__mem mem; /* by value: a document may outlive the agent it came from */
    repli__arena arena;
};

/* mem may be NULL. NULL when out of memory. */
repli_doc *repli__doc_new(const repli__mem *mem);

/* Deep copies into an arena, of records that are valid. Each reads no more of its source than
 * struct_size says, so that records from an older or newer driver work. REPLI_OK, REPLI_ENOMEM, or
 * REPLI_EINVALID for a record smaller than in the first release. */
int32_t repli__attribute_copy(repli__arena *arena, repli_attribute *to,
                              const repli_attribute *from);
int32_t repli__address_copy(repli__arena *arena, repli_address *to, const repli_address *from);
int32_t repli__store_version_copy(repli__arena *arena, repli_store_version *to,
                                  const repli_store_version *from);
int32_t repli__shard_copy(repli__arena *arena, repli_shard *to, const repli_shard *from);
int32_t repli__action_copy(repli__arena *arena, repli_action *to, const repli_action *from);
int32_t repli__request_copy(repli__arena *arena, repli_request *to, const repli_request *from);

/* Validation of single parts; the message names the part. */
int32_t repli__attribute_validate(const repli_attribute *attribute, repli_error *err);
int32_t repli__address_validate(const repli_address *address, repli_error *err);
int32_t repli__store_version_validate(const repli_store_version *version, repli_error *err);
/* Valid UTF-8 of 1 to max bytes without control characters; what names it in the message. */
int32_t repli__text_validate(const char *text, size_t max, const char *what, repli_error *err);
/* Valid UTF-8 of at most max bytes: what people wrote, possibly in several lines, or nothing. */
int32_t repli__prose_validate(const char *text, size_t max, const char *what, repli_error *err);
/* One JSON text of any type, at most max bytes. */
int32_t repli__json_validate(const char *json, size_t size, size_t max, const char *what,
                             repli_error *err);

/* Headers out of a JSON object of strings, in the order of the text, into an arena. REPLI_OK,
 * REPLI_ENOMEM or REPLI_EINVALID. */
int32_t repli__headers_from_json(repli__arena *arena, const char *json, size_t size,
                                 const repli_header **ret_headers, size_t *ret_count,
                                 repli_error *err);

/* What an action keeps as its error: {"error_msg", "error_cause"?}, appended to ret_json. cause may
 * be NULL. repli_error_from_json() reads it. REPLI_OK or REPLI_ENOMEM. */
int32_t repli__failure_to_json(const char *message, const char *cause, repli_buf *ret_json,
                               repli_error *err);

/* First thing in text that looks like a version ("15", "15.20", "7.0.15-rc1"), as a semantic
 * version; REPLI_ENOTFOUND if there is none. */
int32_t repli__semver_find(const char *text, char *ret_version, size_t size, repli_error *err);

#endif
