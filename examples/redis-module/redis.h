#ifndef EXAMPLE_REDIS_H
#define EXAMPLE_REDIS_H

/*
 * The part of the module interface of Redis 7 that this example uses, because no distribution
 * installs a header for it. Functions are not linked: the server hands out each by its name.
 */

#include <stddef.h>
#include <stdint.h>

enum { REDIS_OK = 0, REDIS_ERR = 1 };
enum { REDIS_API_VERSION = 1 };
enum { REDIS_READABLE = 1 };
enum { REDIS_REPLY_ERROR = 1 };

/* Bits of RedisModule_GetContextFlags(). */
enum {
    REDIS_IN_SCRIPT = 1 << 0,
    REDIS_IN_TRANSACTION = 1 << 1,
    REDIS_LOADING = 1 << 13,
    REDIS_HAS_CHILD = 1 << 18
};

typedef struct RedisModuleCtx RedisModuleCtx;
typedef struct RedisModuleString RedisModuleString;
typedef struct RedisModuleCallReply RedisModuleCallReply;
typedef struct RedisModuleServerInfoData RedisModuleServerInfoData;

typedef struct {
    uint64_t id;
    uint64_t version;
} RedisModuleEvent;

static const RedisModuleEvent REDIS_EVENT_SHUTDOWN = {5, 1};

typedef void (*RedisModuleEventLoopFunc)(int fd, void *user_data, int mask);
typedef void (*RedisModuleEventCallback)(RedisModuleCtx *ctx, RedisModuleEvent event,
                                         uint64_t subevent, void *data);

/* clang-format off */
#define REDIS_FUNCTIONS(X)                                                                         \
    X(void *, Alloc, (size_t size))                                                                \
    X(void *, Realloc, (void *ptr, size_t size))                                                   \
    X(void, Free, (void *ptr))                                                                     \
    X(void, SetModuleAttribs, (RedisModuleCtx *ctx, const char *name, int version, int api))       \
    X(void, Log, (RedisModuleCtx *ctx, const char *level, const char *format, ...))                \
    X(const char *, StringPtrLen, (const RedisModuleString *text, size_t *size))                   \
    X(RedisModuleCtx *, GetDetachedThreadSafeContext, (RedisModuleCtx *ctx))                       \
    X(void, FreeThreadSafeContext, (RedisModuleCtx *ctx))                                          \
    X(int, GetContextFlags, (RedisModuleCtx *ctx))                                                 \
    X(int, EventLoopAdd, (int fd, int mask, RedisModuleEventLoopFunc ready, void *user_data))      \
    X(int, EventLoopDel, (int fd, int mask))                                                       \
    X(int, SubscribeToServerEvent,                                                                 \
      (RedisModuleCtx *ctx, RedisModuleEvent event, RedisModuleEventCallback callback))            \
    X(RedisModuleServerInfoData *, GetServerInfo, (RedisModuleCtx *ctx, const char *section))      \
    X(void, FreeServerInfo, (RedisModuleCtx *ctx, RedisModuleServerInfoData *info))                \
    X(const char *, ServerInfoGetFieldC, (RedisModuleServerInfoData *info, const char *field))     \
    X(RedisModuleCallReply *, Call,                                                                \
      (RedisModuleCtx *ctx, const char *command, const char *format, ...))                         \
    X(int, CallReplyType, (RedisModuleCallReply *reply))                                           \
    X(const char *, CallReplyStringPtr, (RedisModuleCallReply *reply, size_t *size))               \
    X(void, FreeCallReply, (RedisModuleCallReply *reply))

#define REDIS_DECLARE(type, name, parameters) extern type(*RedisModule_##name) parameters;
REDIS_FUNCTIONS(REDIS_DECLARE)
/* clang-format on */

#endif
