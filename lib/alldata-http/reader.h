#ifndef ALLDATA_HTTP_READER_H
#define ALLDATA_HTTP_READER_H

#include "alldata-http/call.h"

/* Longest key that is told of, with its NUL: those of the reference's stores may be any. */
enum { ALLDATA__HTTP_KEY_SIZE = 256 };

/* Reads events, in the order of keys, page by page, and writes them as a client wants them. */
typedef struct alldata__http_reader {
    alldata_scan *local;
    alldata_cluster_scan *all;          /* NULL: only this node's events are read */
    int patient;                        /* peers are not waited for */
    int framed;                         /* as records, else as lines of JSON */
    uint64_t limit;                     /* most that are wanted */
    uint64_t count;                     /* that were written */
    char after[ALLDATA__HTTP_KEY_SIZE]; /* empty, or a key to be left out if it is the first */
    char last[ALLDATA__HTTP_KEY_SIZE];  /* key of the last; empty: none yet */
} alldata__http_reader;

/* Not 0 if what query asks for has to be asked of peers. */
int alldata__http_reader_waits(alldata_node *node, const repli__web_target *query);
/* What query asks for. */
int32_t alldata__http_reader_new(alldata_node *node, const repli__web_target *query,
                                 alldata__http_reader **ret_reader, repli_error *err);
/* Peers are not waited for from now on: ready is called when one has answered, as for
 * alldata_cluster_scan_set_ready(). */
int32_t alldata__http_reader_tell(alldata__http_reader *reader, alldata_ready_fn ready,
                                  void *user_data, repli_error *err);
void alldata__http_reader_free(alldata__http_reader *reader);
/* How its type is called. */
const char *alldata__http_reader_type(const alldata__http_reader *reader);

enum {
    ALLDATA__HTTP_PAGE_MORE = 1,
    ALLDATA__HTTP_PAGE_NOT_YET,
    ALLDATA__HTTP_PAGE_LAST,
    ALLDATA__HTTP_PAGE_FAILED
};

/* Append about so many bytes of events, or what there is without waiting for peers; NOT_YET:
 * nothing. The last page ends with a line that says so, and why if it is not the end. FAILED: there
 * is no memory, and the page is not whole. */
int alldata__http_reader_page(alldata__http_reader *reader, size_t bytes, repli_buf *page);
/* End a page behind which there may be more. REPLI_OK or REPLI_ENOMEM. */
int alldata__http_reader_cut(const alldata__http_reader *reader, repli_buf *page);

#endif
