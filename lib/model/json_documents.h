#ifndef REPLI_MODEL_JSON_DOCUMENTS_H
#define REPLI_MODEL_JSON_DOCUMENTS_H

#include "model/doc.h"

/* The public functions of the same names, with memory of the caller's choice; NULL for malloc. */
int32_t repli__node_from_json(const repli__mem *mem, const char *json, size_t size,
                              repli_doc **ret_doc, const repli_node **ret_node, repli_error *err);
int32_t repli__store_extras_from_json(const repli__mem *mem, const char *json, size_t size,
                                      repli_doc **ret_doc, const repli_store_extras **ret_extras,
                                      repli_error *err);
int32_t repli__shards_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_shards **ret_shards,
                                repli_error *err);
int32_t repli__action_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_action **ret_action,
                                repli_error *err);
int32_t repli__action_summaries_from_json(const repli__mem *mem, const char *json, size_t size,
                                          repli_doc **ret_doc,
                                          const repli_action_summary **ret_summaries,
                                          size_t *ret_count, repli_error *err);
int32_t repli__request_from_json(const repli__mem *mem, const char *json, size_t size,
                                 repli_doc **ret_doc, const repli_request **ret_request,
                                 repli_error *err);
int32_t repli__maintenance_from_json(const repli__mem *mem, const char *json, size_t size,
                                     repli_doc **ret_doc, const repli_maintenance **ret_maintenance,
                                     repli_error *err);

#endif
