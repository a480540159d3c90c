#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operation.h"

/* Every exported function is in one of the tables, and nothing else is. */

static const char *const maps[] = {
    "lib/replicante-agent.map",
    "lib/http/replicante-agent-http.map",
#ifdef WITH_ALLDATA
    "lib/alldata/alldata.map",
    "lib/alldata-http/alldata-http.map",
#endif
#ifdef WITH_NATS
    "lib/alldata-nats/alldata-nats.map",
#endif
};

static const operation *const tables[] = {
    model_operations,   config_operations, agent_operations,
    running_operations, driven_operations, http_operations,
#ifdef WITH_ALLDATA
    alldata_operations, alldata_node_operations, alldata_http_operations,
#endif
};

enum { MAPS = sizeof(maps) / sizeof(maps[0]), TABLES = sizeof(tables) / sizeof(tables[0]) };

/* Is name among the words of text? */
static int has_word(const char *text, const char *name) {
    const size_t size = strlen(name);
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name))
        if ((at == text || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return 1;
    return 0;
}

static int has_operation(const char *name) {
    for (size_t i = 0; i < TABLES; i++)
        for (const operation *op = tables[i]; op->name != NULL; op++)
            if (has_word(op->functions, name))
                return 1;
    return 0;
}

static char *exported(void) {
    enum { SIZE = 65536 };
    char *names = calloc(1, SIZE);
    ck_assert_ptr_nonnull(names);
    size_t used = 0;
    for (size_t i = 0; i < MAPS; i++) {
        FILE *map = fopen(maps[i], "re");
        ck_assert_msg(map != NULL, "cannot read %s", maps[i]);
        char line[256];
        char name[128];
        while (fgets(line, sizeof(line), map) != NULL)
            if (sscanf(line, " %127[a-z0-9_];", name) == 1 && strchr(name, '_') != NULL)
                used += (size_t)snprintf(names + used, SIZE - used, "%s ", name);
        fclose(map);
    }
    ck_assert_uint_lt(used, SIZE - 128);
    return names;
}

START_TEST(every_exported_function_has_an_operation) {
    char *names = exported();
    size_t count = 0;
    size_t missing = 0;
    for (char *rest = names, *name; (name = strtok_r(rest, " ", &rest)) != NULL; count++)
        if (!has_operation(name)) {
            printf("no operation calls %s\n", name);
            missing++;
        }
    free(names);
    ck_assert_uint_gt(count, 50);
    ck_assert_uint_eq(missing, 0);
}
END_TEST

START_TEST(every_operation_names_exported_functions) {
    char *names = exported();
    for (size_t i = 0; i < TABLES; i++)
        for (const operation *op = tables[i]; op->name != NULL; op++) {
            char *functions = strdup(op->functions);
            for (char *rest = functions, *name; (name = strtok_r(rest, " ", &rest)) != NULL;)
                ck_assert_msg(has_word(names, name), "%s: %s is not exported", op->name, name);
            free(functions);
        }
    free(names);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("exports");
    tcase_add_test(tcase, every_exported_function_has_an_operation);
    tcase_add_test(tcase, every_operation_names_exported_functions);
    Suite *suite = suite_create("fault: exports");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
