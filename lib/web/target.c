#include "web/target.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decode text in place. plus: '+' stands for a space, as it does in queries. 0 if it cannot be. */
static int decode(char *text, int plus) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            const int high = hex_digit(from[1]);
            const int low = high < 0 ? -1 : hex_digit(from[2]);
            /* An encoded NUL would cut what follows. */
            if (low < 0 || (high == 0 && low == 0))
                return 0;
            c = (char)(high * 16 + low);
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return 1;
}

static int32_t bad_encoding(repli_error *err) {
    return repli__error(err, REPLI_EINVALID, "http",
                        "the URL is not valid: after '%%' come two hexadecimal digits, not 00");
}

static int32_t parse_path(repli__web_target *target, char *path, repli_error *err) {
    while (path != NULL) {
        char *segment = path;
        path = strchr(path, '/');
        if (path != NULL)
            *path++ = '\0';
        if (!decode(segment, 0))
            return bad_encoding(err);
        if (target->segment_count < REPLI__WEB_SEGMENTS)
            target->segments[target->segment_count] = segment;
        target->segment_count++;
    }
    return REPLI_OK;
}

static int32_t parse_query(repli__web_target *target, char *query, repli_error *err) {
    while (query != NULL) {
        char *name = query;
        query = strchr(query, '&');
        if (query != NULL)
            *query++ = '\0';
        if (*name == '\0')
            continue;
        char *value = strchr(name, '=');
        if (value != NULL)
            *value++ = '\0';
        else
            value = name + strlen(name);
        if (!decode(name, 1) || !decode(value, 1))
            return bad_encoding(err);
        if (target->param_count == REPLI__WEB_PARAMS)
            return repli__error(err, REPLI_EINVALID, "http",
                                "the URL has more than %d query parameters", REPLI__WEB_PARAMS);
        target->params[target->param_count++] = (repli__web_param){.name = name, .value = value};
    }
    return REPLI_OK;
}

int32_t repli__web_target_parse(repli__web_target *target, const char *text, repli_error *err) {
    target->segment_count = 0;
    target->param_count = 0;
    const size_t size = strlen(text) + 1;
    if (size > sizeof(target->text))
        return repli__error(err, REPLI_EFULL, "http", "the URL is longer than %d bytes",
                            REPLI__WEB_URL_SIZE - 1);
    memcpy(target->text, text, size);

    char *path = target->text;
    if (*path != '/') {
        char *authority = strstr(path, "://");
        if (authority == NULL)
            return repli__error(err, REPLI_EINVALID, "http", "the URL's path must begin with '/'");
        path = strpbrk(authority + 3, "/?");
    }
    char *query = path != NULL ? strchr(path, '?') : NULL;
    if (query != NULL)
        *query++ = '\0';
    const int32_t code =
        parse_path(target, path != NULL && *path == '/' ? path + 1 : target->text + size - 1, err);
    return code != REPLI_OK ? code : parse_query(target, query, err);
}

const char *repli__web_target_param(const repli__web_target *target, const char *name) {
    for (size_t i = 0; i < target->param_count; i++)
        if (strcmp(target->params[i].name, name) == 0)
            return target->params[i].value;
    return NULL;
}

int32_t repli__web_target_number(const repli__web_target *target, const char *name, int64_t min,
                                 int64_t max, int64_t *ret_value, repli_error *err) {
    const char *text = repli__web_target_param(target, name);
    if (text == NULL)
        return REPLI_OK;
    int64_t value = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (value > (max - (*digit - '0')) / 10)
            break;
        value = value * 10 + (*digit - '0');
    }
    if (*text == '\0' || *digit != '\0' || value < min || value > max)
        return repli__error(err, REPLI_EINVALID, "http",
                            "%s must be a whole number from %" PRId64 " to %" PRId64, name, min,
                            max);
    *ret_value = value;
    return REPLI_OK;
}
