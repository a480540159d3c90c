#include <replicante/model.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "model/doc.h"

enum { SEMVER_MAX = 255 };

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_identifier(char c) {
    return is_digit(c) || is_letter(c) || c == '-';
}

/* Past "0" or digits that do not begin with 0; NULL if at is neither. */
static const char *skip_number(const char *at) {
    if (!is_digit(*at) || (at[0] == '0' && is_digit(at[1])))
        return NULL;
    while (is_digit(*at))
        at++;
    return at;
}

/* Past identifiers separated by dots; NULL if one is empty, or is a number with a leading zero
 * where that is not allowed. */
static const char *skip_identifiers(const char *at, int zeros_allowed) {
    for (;;) {
        const char *start = at;
        int digits_only = 1;
        for (; is_identifier(*at); at++)
            digits_only = digits_only && is_digit(*at);
        if (at == start)
            return NULL;
        if (digits_only && !zeros_allowed && *start == '0' && at - start > 1)
            return NULL;
        if (*at != '.')
            return at;
        at++;
    }
}

static int is_semver(const char *at) {
    for (int i = 0; i < 3; i++) {
        if (i > 0 && *at++ != '.')
            return 0;
        at = skip_number(at);
        if (at == NULL)
            return 0;
    }
    if (*at == '-')
        at = skip_identifiers(at + 1, 0);
    if (at != NULL && *at == '+')
        at = skip_identifiers(at + 1, 1);
    return at != NULL && *at == '\0';
}

int32_t repli_semver_validate(const char *text, repli_error *err) {
    if (text == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "the version is missing");
    if (strnlen(text, SEMVER_MAX + 1) > SEMVER_MAX || !is_semver(text)) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error(err, REPLI_EINVALID, "model",
                            "%s is not a semantic version: expected MAJOR.MINOR.PATCH, such as "
                            "15.3.0",
                            repli__utf8_quote(quote, text));
    }
    return REPLI_OK;
}

/* Finding a version in what a program says of itself. */

/* Longer numbers are dates, hashes or process ids. */
enum { DIGITS_MAX = 9, LONE_DIGITS_MAX = 4 };

typedef struct found {
    uint32_t numbers[3];
    int count;         /* of numbers that were there */
    const char *after; /* what follows them */
} found;

static int can_precede(char c) {
    return !is_digit(c) && !is_letter(c) && c != '_' && c != '.';
}

/* Part of a date or a time of day, such as 2026-01-02 or 03:04:05. */
static int continues_digits(const char *text, const char *at) {
    return at - text >= 2 && is_digit(at[-2]) && strchr("-:/", at[-1]) != NULL;
}

/* Numbers with dots between them, at most three; 0 if at does not begin such. */
static int take_numbers(const char *at, found *ret_found) {
    found result = {{0, 0, 0}, 0, at};
    for (;;) {
        uint32_t number = 0;
        int digits = 0;
        for (; is_digit(*at); at++) {
            if (++digits > DIGITS_MAX)
                return 0;
            number = number * 10 + (uint32_t)(*at - '0');
        }
        if (digits == 0 || (result.count == 0 && *at != '.' && digits > LONE_DIGITS_MAX))
            return 0;
        if (result.count < 3)
            result.numbers[result.count++] = number;
        result.after = at;
        if (at[0] != '.' || !is_digit(at[1]))
            break;
        at++;
    }
    *ret_found = result;
    return 1;
}

/* Length of a pre-release at text, such as "rc1", "beta.2" or "devel"; 0 if it is something else.
 * Packagers append words and revisions of their own, which do not make a release an earlier one. */
static size_t prerelease_length(const char *text) {
    static const char *const words[] = {"alpha", "beta",     "rc",        "preview", "pre",
                                        "devel", "snapshot", "milestone", "nightly", "dev"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const size_t length = strlen(words[i]);
        size_t same = 0;
        while (same < length && (text[same] | 0x20) == words[i][same])
            same++;
        if (same < length || is_letter(text[length]))
            continue;
        size_t end = length;
        while (is_digit(text[end]) || (text[end] == '.' && is_digit(text[end + 1])))
            end++;
        return end;
    }
    return 0;
}

static size_t build_length(const char *text) {
    const char *end = skip_identifiers(text, 1);
    return end != NULL ? (size_t)(end - text) : 0;
}

/* Semantic version of what was found, in ret_version; 0 if it is none. */
static int compose(const found *f, char ret_version[SEMVER_MAX + 1]) {
    const char *after = f->after;
    const char *word = *after == '-' || *after == '~' || *after == '_' ? after + 1 : after;
    size_t word_length = prerelease_length(word);
    if (f->count == 1 && word_length == 0 && (is_identifier(*after) || *after == ':'))
        return 0;
    if (word_length > 0)
        after = word + word_length;
    const size_t plus_length = *after == '+' ? build_length(after + 1) : 0;

    int length = snprintf(ret_version, SEMVER_MAX + 1, "%u.%u.%u", f->numbers[0], f->numbers[1],
                          f->numbers[2]);
    if (word_length > 0 && (size_t)length + word_length < SEMVER_MAX)
        length += snprintf(ret_version + length, SEMVER_MAX + 1 - (size_t)length, "-%.*s",
                           (int)word_length, word);
    if (plus_length > 0 && (size_t)length + plus_length < SEMVER_MAX)
        snprintf(ret_version + length, SEMVER_MAX + 1 - (size_t)length, "+%.*s", (int)plus_length,
                 after + 1);
    return is_semver(ret_version);
}

int32_t repli__semver_find(const char *text, char *ret_version, size_t size, repli_error *err) {
    char before = ' ';
    for (const char *at = text; *at != '\0'; before = *at++) {
        const char *start = (*at == 'v' || *at == 'V') && is_digit(at[1]) ? at + 1 : at;
        found f;
        char version[SEMVER_MAX + 1];
        if (!is_digit(*start) || !can_precede(before) || !take_numbers(start, &f) ||
            (f.count == 1 && continues_digits(text, start)) || !compose(&f, version))
            continue;
        if (strlen(version) >= size)
            return repli__error(err, REPLI_EINVALID, "model",
                                "the version %s does not fit into %zu bytes", version, size);
        memcpy(ret_version, version, strlen(version) + 1);
        return REPLI_OK;
    }
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_ENOTFOUND, "model", "there is no version in %s",
                        repli__utf8_quote(quote, text));
}
