#include <replicante/model.h>

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "model/validate.h"

enum { NAME_MAX_SIZE = 255, LABEL_MAX_SIZE = 63 };

static int is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* At least two labels of lower-case letters, digits and inner hyphens. */
static int is_domain(const char *text, size_t size) {
    size_t labels = 0;
    size_t at = 0;
    for (;;) {
        const size_t start = at;
        while (at < size && (is_lower_or_digit(text[at]) || text[at] == '-'))
            at++;
        if (at == start || at - start > LABEL_MAX_SIZE || text[start] == '-' || text[at - 1] == '-')
            return 0;
        labels++;
        if (at == size)
            return labels >= 2;
        if (text[at++] != '.')
            return 0;
    }
}

static int is_local_name(const char *text) {
    const char *at = text;
    while (is_lower_or_digit(*at) || (*at >= 'A' && *at <= 'Z') || *at == '.' || *at == '_' ||
           *at == '-')
        at++;
    return at > text && *at == '\0';
}

int32_t repli_scoped_name_validate(const char *text, repli_error *err) {
    if (text == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "the name is missing");
    char quote[REPLI__QUOTE_SIZE];
    if (strnlen(text, NAME_MAX_SIZE + 1) > NAME_MAX_SIZE)
        return repli__error(err, REPLI_EINVALID, "model", "the name %s is longer than %d bytes",
                            repli__utf8_quote(quote, text), NAME_MAX_SIZE);
    const char *slash = strchr(text, '/');
    if (slash == NULL || !is_domain(text, (size_t)(slash - text)) || !is_local_name(slash + 1))
        return repli__error(err, REPLI_EINVALID, "model",
                            "%s is not a scoped name: expected DOMAIN/NAME, such as "
                            "example.com/my.name, with a lower-case domain of two labels or more "
                            "and a name of letters, digits, '.', '_' and '-'",
                            repli__utf8_quote(quote, text));
    return REPLI_OK;
}

int32_t repli_scoped_name_reserved(const char *text) {
    static const char domain[] = "replicante.io";
    const size_t length = sizeof(domain) - 1;
    if (text == NULL)
        return 0;
    const size_t size = strcspn(text, "/");
    if (size < length || memcmp(text + size - length, domain, length) != 0)
        return 0;
    return size == length || text[size - length - 1] == '.';
}

int repli__kind_for_drivers(const char *kind) {
    static const char *const names[] = {
        "agent.replicante.io/cluster.init", "agent.replicante.io/cluster.add",
        "agent.replicante.io/cluster.join", "agent.replicante.io/cluster.remove"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(kind, names[i]) == 0)
            return 1;
    return 0;
}
