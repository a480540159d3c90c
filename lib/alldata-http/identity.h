#ifndef ALLDATA_HTTP_IDENTITY_H
#define ALLDATA_HTTP_IDENTITY_H

#include <alldata/http.h>

#include "base/mem.h"

/*
 * Who a caller is and whom it trusts. Not every libcurl takes certificates from memory, but each
 * takes them from files, so the texts are put into files that exist in memory only.
 */
typedef struct alldata__identity {
    const repli__mem *mem;
    int cert_fd; /* -1: there is none, as with the next */
    int key_fd;
    int ca_fd;
    char *authorization; /* the header; NULL: none */
} alldata__identity;

enum { ALLDATA__IDENTITY_PATH = 32 };

/* mem must stay. security may be NULL. REPLI_EINVALID: it is no good. */
int32_t alldata__identity_init(alldata__identity *identity, const repli__mem *mem,
                               const alldata_http_security *security, repli_error *err);
void alldata__identity_dispose(alldata__identity *identity);
/* Not 0 if it is of use over TLS only. */
int alldata__identity_has_tls(const alldata__identity *identity);
/* Where the text of a descriptor can be read. */
void alldata__identity_path(int fd, char ret_path[ALLDATA__IDENTITY_PATH]);

#endif
