#include "event/hook.h"

#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"

/* What a hook is. */

enum { DEFAULT_MS = 30000, ARGUMENTS_MAX = 1024 };

void repli__hook_dispose(repli__hook *hook, const repli__mem *mem) {
    repli__free(mem, hook->name);
    for (size_t i = 0; hook->command != NULL && hook->command[i] != NULL; i++)
        repli__free(mem, hook->command[i]);
    repli__free(mem, hook->command);
    *hook = (repli__hook){0};
}

static int32_t fill(repli__hook *to, const char *name, const char *const *command, size_t count,
                    const repli__mem *mem) {
    to->name = repli__strdup(mem, name);
    to->command = repli__calloc(mem, count + 1, sizeof(char *));
    int complete = to->name != NULL && to->command != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        to->command[i] = repli__strdup(mem, command[i]);
        complete = to->command[i] != NULL;
    }
    if (!complete)
        repli__hook_dispose(to, mem);
    return complete ? REPLI_OK : REPLI_ENOMEM;
}

static size_t count_of(const char *const *texts) {
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    return count;
}

int32_t repli__hook_copy(repli__hook *to, const repli__hook *from, const repli__mem *mem) {
    const char *const *command = (const char *const *)from->command;
    *to = (repli__hook){.types = from->types, .timeout_ms = from->timeout_ms};
    return fill(to, from->name, command, count_of(command), mem);
}

/* A part of a key in the database, and a label of metrics. */
static int is_name(const char *name) {
    const size_t size = name != NULL ? strlen(name) : 0;
    return size > 0 && size <= REPLI__HOOK_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == size;
}

static int32_t find_types(const char *const *names, uint32_t *ret_types, repli_error *err) {
    uint32_t types = names == NULL ? UINT32_MAX : 0;
    for (; names != NULL && *names != NULL; names++) {
        int32_t type = 1;
        while (repli_event_type_name(type) != NULL &&
               strcmp(repli_event_type_name(type), *names) != 0)
            type++;
        char quote[REPLI__QUOTE_SIZE];
        if (repli_event_type_name(type) == NULL)
            return repli__error(err, REPLI_EINVALID, "agent", "%s is no type of event",
                                repli__utf8_quote(quote, *names));
        types |= UINT32_C(1) << type;
    }
    *ret_types = types;
    return REPLI_OK;
}

int32_t repli__hook_make(repli__hook *hook, const repli_hook *from, const repli__mem *mem,
                         repli_error *err) {
    repli_hook known;
    if (from == NULL || repli__sized(from) < REPLI__SIZE_TO(repli_hook, events))
        return repli__error(err, REPLI_EINVALID, "agent",
                            "a hook needs its struct_size: initialise it with REPLI_HOOK_INIT");
    repli__sized_copy(&known, sizeof(known), from);
    if (!is_name(known.name))
        return repli__error(err, REPLI_EINVALID, "agent",
                            "a hook needs a name of 1 to %d letters, digits, '_' and '-'",
                            REPLI__HOOK_NAME_MAX);
    const size_t count = known.command != NULL ? count_of(known.command) : 0;
    if (count == 0 || count > ARGUMENTS_MAX || known.command[0][0] == '\0')
        return repli__error(err, REPLI_EINVALID, "agent", "the hook \"%s\" has no command",
                            known.name);
    repli__hook made = {.timeout_ms = known.timeout_ms > 0 ? known.timeout_ms : DEFAULT_MS};
    const int32_t code = find_types(known.events, &made.types, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "hook \"%s\"", known.name);
    if (fill(&made, known.name, known.command, count, mem) != REPLI_OK)
        return repli__error_nomem(err, "agent", "adding a hook");
    *hook = made;
    return REPLI_OK;
}
