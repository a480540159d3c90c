#ifndef ALLDATA_HTTP_ANSWER_H
#define ALLDATA_HTTP_ANSWER_H

#include "alldata-http/call.h"

extern const char alldata__http_json[];
extern const char alldata__http_lines[]; /* JSON, one text a line */

/* Each answers the call once, whatever happens: without memory with a shorter text. The call may be
 * gone then. */

void alldata__http_answer(alldata__http_call *call, const alldata_http_response *response);
/* No body. */
void alldata__http_answer_empty(alldata__http_call *call, int32_t status);
void alldata__http_answer_text(alldata__http_call *call, int32_t status, const char *type,
                               const char *text, size_t size);
/* 200 with the text of buf, unless code says that it is not whole: then the call is not answered.
 * Either way the text's memory is given back and code returned. */
int32_t alldata__http_answer_buf(alldata__http_call *call, const char *type, repli_buf *buf,
                                 int32_t code);
/* With the JSON that tells of an error, and the status that alldata__http_status_of() finds. */
void alldata__http_answer_failure(alldata__http_call *call, const repli_error *error);
/* The same, with a status of one's own. allow is for 405, else NULL. */
void alldata__http_answer_error(alldata__http_call *call, int32_t status, const char *allow,
                                const repli_error *error);
/* The status that tells of an error which one of a node's functions returned. */
int32_t alldata__http_status_of(int32_t code);

/* Append the JSON of an error, and of the put that it ended; result may be NULL. REPLI_OK or
 * REPLI_ENOMEM. */
int alldata__http_write_failure(repli_buf *json, const repli_error *error,
                                const alldata_put_result *result);

#endif
