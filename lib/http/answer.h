#ifndef REPLI_HTTP_ANSWER_H
#define REPLI_HTTP_ANSWER_H

#include <replicante/http.h>

/* Who waits for an answer. */
typedef struct repli__http_asker {
    repli_http_respond_fn respond;
    void *user_data;
} repli__http_asker;

extern const char repli__http_json[];

/* Each calls respond once, whatever happens: without memory with a shorter text. */

/* No body. allow may be NULL. */
void repli__http_answer_empty(repli__http_asker asker, int32_t status, const char *allow);
void repli__http_answer_text(repli__http_asker asker, int32_t status, const char *content_type,
                             const char *body, size_t size);
/* With the body that clients decode. allow is for 405, else NULL. */
void repli__http_answer_error(repli__http_asker asker, int32_t status, const char *allow,
                              const repli_error *error);
/* With the status that repli__http_status() finds. */
void repli__http_answer_failure(repli__http_asker asker, const repli_error *error);
/* 200 with text that belongs to the snapshot, or, if text is NULL, error. */
void repli__http_answer_snapshot(repli__http_asker asker, repli_snapshot *snapshot,
                                 const char *text, size_t size, const repli_error *error);

/* The status that tells a client of error, which an agent's function returned. */
int32_t repli__http_status(const repli_error *error);

#endif
