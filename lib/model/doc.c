#include "model/doc.h"

#include "model/record.h"

repli_doc *repli__doc_new(const repli__mem *mem) {
    if (mem == NULL)
        mem = &repli__mem_default;
    repli_doc *doc = repli__alloc(mem, sizeof(*doc));
    if (doc == NULL)
        return NULL;
    doc->mem = *mem;
    repli__arena_init(&doc->arena, &doc->mem);
    return doc;
}

void repli_doc_free(repli_doc *doc) {
    if (doc == NULL)
        return;
    const repli__mem mem = doc->mem;
    repli__arena_dispose(&doc->arena);
    repli__free(&mem, doc);
}

/* Replace *text by its copy. Not 0 on success. */
static int own(repli__arena *arena, const char **text) {
    if (*text == NULL)
        return 1;
    *text = repli__arena_strdup(arena, *text);
    return *text != NULL;
}

int32_t repli__attribute_copy(repli__arena *arena, repli_attribute *to,
                              const repli_attribute *from) {
    repli_attribute copy;
    const int32_t code = repli__attribute_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (copy.type != REPLI_VALUE_STRING)
        copy.string = NULL;
    if (!own(arena, &copy.name) || !own(arena, &copy.string))
        return REPLI_ENOMEM;
    *to = copy;
    return REPLI_OK;
}

int32_t repli__address_copy(repli__arena *arena, repli_address *to, const repli_address *from) {
    repli_address copy;
    const int32_t code = repli__address_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (!own(arena, &copy.name) || !own(arena, &copy.address))
        return REPLI_ENOMEM;
    *to = copy;
    return REPLI_OK;
}

int32_t repli__store_version_copy(repli__arena *arena, repli_store_version *to,
                                  const repli_store_version *from) {
    repli_store_version copy;
    const int32_t code = repli__store_version_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (!own(arena, &copy.number) || !own(arena, &copy.checkout) || !own(arena, &copy.extra))
        return REPLI_ENOMEM;
    *to = copy;
    return REPLI_OK;
}

int32_t repli__shard_copy(repli__arena *arena, repli_shard *to, const repli_shard *from) {
    repli_shard copy;
    const int32_t code = repli__shard_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (!own(arena, &copy.id) || !own(arena, &copy.role_reason) ||
        !own(arena, &copy.commit_offset_unit) || !own(arena, &copy.lag_unit))
        return REPLI_ENOMEM;
    *to = copy;
    return REPLI_OK;
}

static int32_t copy_headers(repli__arena *arena, const repli_header **headers, size_t count) {
    if (count == 0) {
        *headers = NULL;
        return REPLI_OK;
    }
    repli_header *copies = repli__arena_calloc(arena, count, sizeof(*copies));
    if (copies == NULL)
        return REPLI_ENOMEM;
    const void *next = *headers;
    for (size_t i = 0; i < count; i++) {
        const int32_t code = repli__header_read(&copies[i], next, NULL);
        if (code != REPLI_OK)
            return code;
        if (!own(arena, &copies[i].name) || !own(arena, &copies[i].value))
            return REPLI_ENOMEM;
        next = repli__record_next(next);
    }
    *headers = copies;
    return REPLI_OK;
}

static int32_t copy_history(repli__arena *arena, const repli_transition **history, size_t count) {
    if (count == 0) {
        *history = NULL;
        return REPLI_OK;
    }
    repli_transition *copies = repli__arena_calloc(arena, count, sizeof(*copies));
    if (copies == NULL)
        return REPLI_ENOMEM;
    const void *next = *history;
    for (size_t i = 0; i < count; i++) {
        const int32_t code = repli__transition_read(&copies[i], next, NULL);
        if (code != REPLI_OK)
            return code;
        if (!own(arena, &copies[i].payload_json) || !own(arena, &copies[i].error_json))
            return REPLI_ENOMEM;
        next = repli__record_next(next);
    }
    *history = copies;
    return REPLI_OK;
}

int32_t repli__action_copy(repli__arena *arena, repli_action *to, const repli_action *from) {
    repli_action copy;
    int32_t code = repli__action_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (!own(arena, &copy.id) || !own(arena, &copy.kind) || !own(arena, &copy.args_json) ||
        !own(arena, &copy.requester) || !own(arena, &copy.payload_json) ||
        !own(arena, &copy.error_json))
        return REPLI_ENOMEM;
    code = copy_headers(arena, &copy.headers, copy.header_count);
    if (code == REPLI_OK)
        code = copy_history(arena, &copy.history, copy.history_count);
    if (code == REPLI_OK)
        *to = copy;
    return code;
}

int32_t repli__request_copy(repli__arena *arena, repli_request *to, const repli_request *from) {
    repli_request copy;
    int32_t code = repli__request_read(&copy, from, NULL);
    if (code != REPLI_OK)
        return code;
    if (!own(arena, &copy.kind) || !own(arena, &copy.args_json) || !own(arena, &copy.id) ||
        !own(arena, &copy.requester))
        return REPLI_ENOMEM;
    code = copy_headers(arena, &copy.headers, copy.header_count);
    if (code == REPLI_OK)
        *to = copy;
    return code;
}
