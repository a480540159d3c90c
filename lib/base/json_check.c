#include "base/json_check.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json_span.h"
#include "base/utf8.h"

/* Shorter ones without exponent are always within the range of a double. */
enum { NUMBER_SAFE = 300 };

typedef struct scanner {
    const char *text;
    size_t size;
    size_t at;
    size_t max_depth;
    int syntax_only;
    int too_deep;
    const char *problem; /* at text[at] */
} scanner;

static int fail(scanner *s, const char *problem) {
    s->problem = s->at < s->size ? problem : "it ends too early";
    return 0;
}

/* The next byte; NUL at the end, which no token begins with. */
static char peek(const scanner *s) {
    return s->at < s->size ? s->text[s->at] : '\0';
}

static void skip_space(scanner *s) {
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
        s->at++;
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Strings. */

static int check_hex(scanner *s, uint32_t *ret_c) {
    uint32_t c = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        const char digit = peek(s);
        if (is_digit(digit))
            c = c << 4 | (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            c = c << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return fail(s, "expected four hexadecimal digits after \\u");
    }
    *ret_c = c;
    return 1;
}

/* What follows the backslash. */
static int check_escape(scanner *s) {
    static const char pair[] = "half of a surrogate pair is missing";
    const char letter = peek(s);
    if (letter == '\0' || strchr("\"\\/bfnrtu", letter) == NULL)
        return fail(s, "this escape is not known");
    s->at++;
    if (letter != 'u')
        return 1;
    uint32_t c = 0;
    if (!check_hex(s, &c))
        return 0;
    if (s->syntax_only)
        return 1;
    if (c == 0)
        return fail(s, "a string contains \\u0000, which is not supported");
    if (c < 0xD800 || c > 0xDFFF)
        return 1;
    if (c > 0xDBFF || peek(s) != '\\')
        return fail(s, pair);
    s->at++;
    if (peek(s) != 'u')
        return fail(s, pair);
    s->at++;
    if (!check_hex(s, &c))
        return 0;
    return c >= 0xDC00 && c <= 0xDFFF ? 1 : fail(s, pair);
}

static int is_plain(char c) {
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The same of eight bytes. A subtraction may borrow from the byte above, but only where the one
 * below is not plain. */
static int are_plain(uint64_t bytes) {
    const uint64_t each = UINT64_C(0x0101010101010101);
    const uint64_t quotes = bytes ^ each * '"';
    const uint64_t escapes = bytes ^ each * '\\';
    const uint64_t controls = (bytes - each * 0x20) & ~bytes;
    return ((((quotes - each) & ~quotes) | ((escapes - each) & ~escapes) | controls | bytes) &
            each * 0x80) == 0;
}

static void skip_plain(scanner *s) {
    uint64_t bytes;
    for (; s->size - s->at >= sizeof(bytes); s->at += sizeof(bytes)) {
        memcpy(&bytes, s->text + s->at, sizeof(bytes));
        if (!are_plain(bytes))
            break;
    }
    while (s->at < s->size && is_plain(s->text[s->at]))
        s->at++;
}

static int check_string(scanner *s) {
    s->at++;
    for (;;) {
        skip_plain(s);
        if (s->at == s->size)
            return fail(s, NULL);
        const unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return 1;
        }
        if (c == '\\') {
            s->at++;
            if (!check_escape(s))
                return 0;
        } else if (c < 0x20) {
            return fail(s, "a control character in a string must be escaped");
        } else {
            const size_t length = repli__utf8_next(s->text + s->at, s->size - s->at, NULL);
            if (length == 0)
                return fail(s, "a string is not UTF-8");
            s->at += length;
        }
    }
}

/* Numbers and words. */

static int check_digits(scanner *s) {
    if (!is_digit(peek(s)))
        return fail(s, "expected a digit");
    while (is_digit(peek(s)))
        s->at++;
    return 1;
}

static int check_range(scanner *s, size_t start, int has_exponent) {
    const size_t size = s->at - start;
    if (s->syntax_only || (size <= NUMBER_SAFE && !has_exponent))
        return 1;
    s->problem = "a number is too large";
    if (size > REPLI__NUMBER_MAX)
        return 0;
    return isfinite(repli__json_to_real((repli__json_span){s->text + start, size}));
}

static int check_number(scanner *s) {
    const size_t start = s->at;
    int has_exponent = 0;
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!check_digits(s))
        return 0;
    if (peek(s) == '.') {
        s->at++;
        if (!check_digits(s))
            return 0;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        has_exponent = 1;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!check_digits(s))
            return 0;
    }
    return check_range(s, start, has_exponent);
}

static int check_word(scanner *s, const char *word) {
    for (; *word != '\0'; word++, s->at++)
        if (peek(s) != *word)
            return fail(s, "expected a value");
    return 1;
}

/* Values. */

static int check_value(scanner *s, size_t depth);

static int check_member(scanner *s, size_t depth) {
    if (peek(s) != '"')
        return fail(s, "expected a name in quotes");
    if (!check_string(s))
        return 0;
    skip_space(s);
    if (peek(s) != ':')
        return fail(s, "expected ':' after a name");
    s->at++;
    skip_space(s);
    return check_value(s, depth);
}

/* An array, or an object if close is '}'. */
static int check_items(scanner *s, char close, size_t depth) {
    if (depth >= s->max_depth) {
        s->too_deep = 1;
        return fail(s, "");
    }
    s->at++;
    skip_space(s);
    if (peek(s) == close) {
        s->at++;
        return 1;
    }
    for (;;) {
        if (!(close == '}' ? check_member(s, depth + 1) : check_value(s, depth + 1)))
            return 0;
        skip_space(s);
        if (peek(s) == close)
            break;
        if (peek(s) != ',')
            return fail(s, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        s->at++;
        skip_space(s);
    }
    s->at++;
    return 1;
}

static int check_value(scanner *s, size_t depth) {
    switch (peek(s)) {
    case '{': return check_items(s, '}', depth);
    case '[': return check_items(s, ']', depth);
    case '"': return check_string(s);
    case 't': return check_word(s, "true");
    case 'f': return check_word(s, "false");
    case 'n': return check_word(s, "null");
    default:
        if (peek(s) == '-' || is_digit(peek(s)))
            return check_number(s);
        return fail(s, "expected a value");
    }
}

static int check_text(scanner *s) {
    skip_space(s);
    if (!check_value(s, 0))
        return 0;
    skip_space(s);
    return s->at == s->size ? 1 : fail(s, "something follows its end");
}

static int32_t report(const scanner *s, const char *what, repli_error *err) {
    if (s->too_deep)
        return repli__error(err, REPLI_EINVALID, "model", "%s is nested deeper than %zu levels",
                            what, s->max_depth);
    size_t line = 1;
    size_t line_start = 0;
    for (size_t i = 0; i < s->at; i++) {
        if (s->text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return repli__error(err, REPLI_EINVALID, "model",
                        "%s is not valid JSON: line %zu, column %zu: %s", what, line,
                        s->at - line_start + 1, s->problem);
}

static int32_t check(scanner *s, const char *what, repli_error *err) {
    if (s->text == NULL || s->size == 0)
        return repli__error(err, REPLI_EINVALID, "model", "%s is empty: expected JSON", what);
    return check_text(s) ? REPLI_OK : report(s, what, err);
}

int32_t repli__json_check(const char *json, size_t size, size_t max_depth, const char *what,
                          repli_error *err) {
    scanner s = {.text = json, .size = size, .max_depth = max_depth};
    return check(&s, what, err);
}

int32_t repli__json_check_syntax(const char *json, size_t size, size_t max_depth, const char *what,
                                 repli_error *err) {
    scanner s = {.text = json, .size = size, .max_depth = max_depth, .syntax_only = 1};
    return check(&s, what, err);
}
