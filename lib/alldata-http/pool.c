#include "alldata-http/transport.h"

#include "base/error.h"

#define ORIGIN "alldata.http"

int32_t alldata__pool_new(alldata__transport *t, const alldata_http_security *security,
                          alldata__pool **ret_pool, repli_error *err) {
    alldata__pool *pool = repli__calloc(&t->mem, 1, sizeof(*pool));
    if (pool == NULL)
        return repli__error_nomem(err, ORIGIN, "keeping certificates and a secret");
    pool->transport = t;
    pool->due_ns = UINT64_MAX;
    const int32_t code = alldata__identity_init(&pool->identity, &t->mem, security, err);
    if (code != REPLI_OK) {
        repli__free(&t->mem, pool);
        return code;
    }
    *ret_pool = pool;
    return REPLI_OK;
}

void alldata__pool_free(alldata__pool *pool) {
    if (pool == NULL)
        return;
    const alldata__transport *t = pool->transport;
    for (size_t i = 0; i < pool->exchange_count; i++)
        alldata__exchange_free(pool->exchanges[i]);
    repli__free(&t->mem, pool->exchanges);
    alldata__sockets_close(pool);
    alldata__identity_dispose(&pool->identity);
    repli__free(&t->mem, pool);
}

static alldata__exchange *add_exchange(alldata__pool *pool) {
    void *exchanges = pool->exchanges;
    if (repli__grow(&pool->transport->mem, &exchanges, &pool->exchange_capacity,
                    pool->exchange_count, sizeof(*pool->exchanges)) != REPLI_OK)
        return NULL;
    pool->exchanges = exchanges;
    alldata__exchange *exchange = alldata__exchange_new(pool);
    if (exchange != NULL)
        pool->exchanges[pool->exchange_count++] = exchange;
    return exchange;
}

int32_t alldata__pool_take(alldata__pool *pool, alldata__exchange **ret_exchange,
                           repli_error *err) {
    const int32_t code = alldata__sockets_open(pool, err);
    if (code != REPLI_OK)
        return code;
    alldata__exchange *exchange = pool->idle;
    if (exchange != NULL)
        pool->idle = exchange->next_idle;
    else
        exchange = add_exchange(pool);
    if (exchange == NULL)
        return repli__error_nomem(err, ORIGIN, "beginning a call");
    pool->busy++;
    *ret_exchange = exchange;
    return REPLI_OK;
}

void alldata__pool_give(alldata__exchange *exchange) {
    alldata__pool *pool = exchange->pool;
    exchange->next_idle = pool->idle;
    pool->idle = exchange;
    pool->busy--;
}
