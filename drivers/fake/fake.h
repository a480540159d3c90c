#ifndef FAKE_H
#define FAKE_H

#include <replicante/driver.h>

/* One instance of the fake driver. */
typedef struct fake {
    const repli_host *host;
    char *config; /* JSON */
    size_t config_size;
} fake;

/* Sleep unless the call is to be given up; then its code, with err filled. */
int32_t fake_sleep(const fake *self, const repli_op *op, int64_t ms, repli_error *err);

int32_t fake_actions_describe(void *self, repli_sink *sink, repli_error *err);
int32_t fake_action_validate(void *self, const char *kind, const char *args_json, size_t args_size,
                             repli_error *err);
int32_t fake_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                         repli_error *err);

/* Of "fake.test/append" and "/slow"; "/fail" refuses as it would, and the others cannot tell. */
int32_t fake_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                         size_t args_size, repli_sink *sink, repli_error *err);

#endif
