#include "alldata-http/scanner.h"

#include "alldata-http/answer.h"
#include "alldata-http/reader.h"
#include "base/buf.h"
#include "base/error.h"

enum { PAGE = 64 * 1024 };

/* What the scanner is to do for a flow, or does. */
enum { RESTS = 0, WAITS, READS, READY, STALLS };

struct alldata__http_flow {
    const repli__web_request *request;
    alldata__http_reader *reader;   /* NULL: not open yet */
    alldata__http_scanner *scanner; /* NULL: the worker reads */
    alldata__http_call *call;       /* until it is open */
    alldata__http_flow *next;
    int state;      /* the scanner's mutex guards it */
    int ended;      /* so does it: whoever reads frees */
    int told;       /* and this: a peer has answered since the reading began */
    int outcome;    /* of the page that is ready: ALLDATA__HTTP_PAGE_* */
    repli_buf page; /* of whoever reads, or of the worker if it is ready */
};

static void flow_free(alldata__http_flow *flow) {
    alldata__http_reader_free(flow->reader);
    repli_buf_dispose(&flow->page);
    repli__free(&repli__mem_default, flow);
}

static int next_of(int outcome) {
    switch (outcome) {
    case ALLDATA__HTTP_PAGE_MORE: return REPLI__WEB_MORE;
    case ALLDATA__HTTP_PAGE_NOT_YET: return REPLI__WEB_NOT_YET;
    case ALLDATA__HTTP_PAGE_LAST: return REPLI__WEB_END;
    default: return REPLI__WEB_BREAK;
    }
}

/* The scanner's turn. */

/* The mutex is held. */
static void enqueue(alldata__http_scanner *scanner, alldata__http_flow *flow) {
    flow->state = WAITS;
    flow->next = NULL;
    if (scanner->first == NULL)
        scanner->first = flow;
    else
        scanner->last->next = flow;
    scanner->last = flow;
}

/* The mutex is held. */
static void dequeue(alldata__http_scanner *scanner, alldata__http_flow *flow) {
    alldata__http_flow *before = NULL;
    for (alldata__http_flow *it = scanner->first; it != flow; it = it->next)
        before = it;
    if (before == NULL)
        scanner->first = flow->next;
    else
        before->next = flow->next;
    if (scanner->last == flow)
        scanner->last = before;
}

/* A peer has answered. */
static void go_on(void *user_data) {
    alldata__http_flow *flow = user_data;
    alldata__http_scanner *scanner = flow->scanner;
    if (scanner == NULL) {
        repli__web_wake(flow->request);
        return;
    }
    pthread_mutex_lock(&scanner->mutex);
    const int stalls = flow->state == STALLS && !flow->ended;
    flow->told = 1;
    if (stalls)
        enqueue(scanner, flow);
    pthread_mutex_unlock(&scanner->mutex);
    if (stalls)
        repli__worker_tell(&scanner->worker);
}

/* Pages. */

static int next_here(void *user_data, repli_buf *page) {
    alldata__http_flow *flow = user_data;
    return next_of(alldata__http_reader_page(flow->reader, PAGE, page));
}

/* Hand over the page that is ready, and have the next one read meanwhile. */
static int next_ready(void *user_data, repli_buf *page) {
    alldata__http_flow *flow = user_data;
    alldata__http_scanner *scanner = flow->scanner;
    int result = REPLI__WEB_NOT_YET;
    pthread_mutex_lock(&scanner->mutex);
    if (flow->state == READY) {
        result = next_of(flow->outcome);
        if (repli__buf_append(page, flow->page.data, flow->page.size) != REPLI_OK)
            result = REPLI__WEB_BREAK;
        flow->page.size = 0;
        flow->state = RESTS;
    }
    const int wants =
        flow->state == RESTS && (result == REPLI__WEB_MORE || result == REPLI__WEB_NOT_YET);
    if (wants)
        enqueue(scanner, flow);
    pthread_mutex_unlock(&scanner->mutex);
    if (wants)
        repli__worker_tell(&scanner->worker);
    return result;
}

static void end_here(void *user_data) {
    flow_free(user_data);
}

static void end_flow(void *user_data) {
    alldata__http_flow *flow = user_data;
    alldata__http_scanner *scanner = flow->scanner;
    pthread_mutex_lock(&scanner->mutex);
    if (flow->state == WAITS)
        dequeue(scanner, flow);
    const int reads = flow->state == READS;
    flow->ended = 1;
    pthread_mutex_unlock(&scanner->mutex);
    if (!reads)
        flow_free(flow);
}

static void answer(alldata__http_flow *flow) {
    const repli__web_stream stream = {.user_data = flow,
                                      .next = flow->scanner != NULL ? next_ready : next_here,
                                      .end = flow->scanner != NULL ? end_flow : end_here};
    const repli__web_response response = {.status = 200,
                                          .content_type = alldata__http_reader_type(flow->reader)};
    repli__web_answer_stream(flow->request, &response, &stream);
}

static int is_stopping(alldata__http_scanner *scanner) {
    if (scanner == NULL)
        return 0;
    pthread_mutex_lock(&scanner->mutex);
    const int stopping = scanner->stopping;
    pthread_mutex_unlock(&scanner->mutex);
    return stopping;
}

/* Not 0 if there is a stream now; else the call was answered, and the flow is gone. */
static int open_flow(alldata__http_flow *flow) {
    alldata__http_call *call = flow->call;
    repli__web_target query;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__web_target_parse(&query, call->target, &error);
    if (code == REPLI_OK && is_stopping(flow->scanner))
        code = repli__error(&error, REPLI_ECANCELLED, ALLDATA__HTTP_ORIGIN, "the server ends");
    if (code == REPLI_OK)
        code = alldata__http_reader_new(call->node, &query, &flow->reader, &error);
    if (code == REPLI_OK)
        code = alldata__http_reader_tell(flow->reader, go_on, flow, &error);
    if (code == REPLI_OK)
        return 1;
    flow_free(flow);
    alldata__http_answer_failure(call, &error);
    return 0;
}

/* It was read. The mutex is held, for which the end of the stream waits. */
static void settle(alldata__http_scanner *scanner, alldata__http_flow *flow) {
    if (flow->outcome != ALLDATA__HTTP_PAGE_NOT_YET) {
        flow->state = READY;
        repli__web_wake(flow->request);
    } else if (flow->told) {
        enqueue(scanner, flow);
    } else {
        flow->state = STALLS;
    }
}

static void read_page(alldata__http_scanner *scanner, alldata__http_flow *flow) {
    if (flow->reader == NULL) {
        if (!open_flow(flow))
            return;
        pthread_mutex_lock(&scanner->mutex);
        flow->state = RESTS;
        pthread_mutex_unlock(&scanner->mutex);
        answer(flow);
        return;
    }
    flow->outcome = alldata__http_reader_page(flow->reader, PAGE, &flow->page);
    pthread_mutex_lock(&scanner->mutex);
    const int ended = flow->ended;
    if (!ended)
        settle(scanner, flow);
    pthread_mutex_unlock(&scanner->mutex);
    if (ended)
        flow_free(flow);
}

static uint64_t work(void *user_data) {
    alldata__http_scanner *scanner = user_data;
    pthread_mutex_lock(&scanner->mutex);
    alldata__http_flow *flow = scanner->first;
    if (flow != NULL) {
        dequeue(scanner, flow);
        flow->state = READS;
        flow->told = 0;
    }
    pthread_mutex_unlock(&scanner->mutex);
    if (flow == NULL)
        return UINT64_MAX;
    read_page(scanner, flow);
    return 0;
}

int32_t alldata__http_scanner_init(alldata__http_scanner *scanner, repli_error *err) {
    const int32_t code = repli__worker_init(&scanner->worker, "alldata-scan", work, scanner, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&scanner->mutex, NULL);
    scanner->made = 1;
    return REPLI_OK;
}

void alldata__http_scanner_dispose(alldata__http_scanner *scanner) {
    if (!scanner->made)
        return;
    pthread_mutex_lock(&scanner->mutex);
    scanner->stopping = 1;
    pthread_mutex_unlock(&scanner->mutex);
    if (scanner->worker.started) {
        repli__worker_quit(&scanner->worker);
        repli__worker_join(&scanner->worker, UINT64_MAX);
    }
    pthread_mutex_destroy(&scanner->mutex);
    repli__worker_dispose(&scanner->worker);
}

/* Beginning. */

static int32_t submit(alldata__http_scanner *scanner, alldata__http_flow *flow, repli_error *err) {
    pthread_mutex_lock(&scanner->mutex);
    const int32_t code =
        scanner->worker.started ? REPLI_OK : repli__worker_start(&scanner->worker, err);
    if (code == REPLI_OK)
        enqueue(scanner, flow);
    pthread_mutex_unlock(&scanner->mutex);
    if (code == REPLI_OK)
        repli__worker_tell(&scanner->worker);
    return code;
}

void alldata__http_flow_begin(alldata__http_scanner *scanner, alldata__http_call *call,
                              const repli__web_request *request) {
    repli_error error = REPLI_ERROR_INIT;
    repli__web_target query;
    if (repli__web_target_parse(&query, call->target, &error) != REPLI_OK) {
        alldata__http_answer_failure(call, &error);
        return;
    }
    alldata__http_flow *flow = repli__calloc(&repli__mem_default, 1, sizeof(*flow));
    if (flow == NULL) {
        repli__error_nomem(&error, ALLDATA__HTTP_ORIGIN, "reading events");
        alldata__http_answer_failure(call, &error);
        return;
    }
    flow->request = request;
    flow->call = call;
    if (scanner == NULL || !alldata__http_reader_waits(call->node, &query)) {
        if (open_flow(flow))
            answer(flow);
        return;
    }
    flow->scanner = scanner;
    if (submit(scanner, flow, &error) != REPLI_OK) {
        flow_free(flow);
        alldata__http_answer_failure(call, &error);
    }
}
