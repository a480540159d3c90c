#include "memory.h"

static void *take(size_t size, void *user_data) {
    const repli_host *host = user_data;
    return host->alloc(host, size);
}

static void *resize(void *ptr, size_t size, void *user_data) {
    const repli_host *host = user_data;
    return host->resize(host, ptr, size);
}

static void give_back(void *ptr, void *user_data) {
    const repli_host *host = user_data;
    host->release(host, ptr);
}

repli_allocator repli__alldata_memory(const repli_host *host) {
    return (repli_allocator){.struct_size = (uint32_t)sizeof(repli_allocator),
                             .malloc_fn = take,
                             .realloc_fn = resize,
                             .free_fn = give_back,
                             .user_data = (void *)host};
}
