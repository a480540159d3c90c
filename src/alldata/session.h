#ifndef ALLDATA_SESSION_H
#define ALLDATA_SESSION_H

#include <jansson.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "options.h"

/* A client as the command line wants it, and what its failures mean to whoever runs the command. */

/* timeout_ms: of a call; 0: the client's own. Returns an exit status; a failure has been printed.
 */
int session_open(const struct options *options, uint64_t timeout_ms, alldata_client **ret_client);

/* The exit status that fits a code. */
int session_exit(int32_t code);
/* Print why something failed. Returns the exit status. */
int session_complain(const repli_error *err);

/* Ask, and wait for an answer. A status other than 200 to 299 is printed, as is any other failure.
 */
int session_get(alldata_client *client, const char *path, repli_buf *ret_body);
int session_post(alldata_client *client, const char *path, repli_buf *ret_body);
/* The document in an answer, to be released; NULL after having said that it makes no sense. */
json_t *session_document(const repli_buf *body);
/* path?name=value, encoded; to be freed. value NULL: path alone. */
char *session_path(const char *path, const char *name, const char *value);

#endif
