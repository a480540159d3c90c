#include "golden.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

char *golden_read(const char *name) {
    const char *top = getenv("TOP");
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/%s", top != NULL ? top : ".", name);
    FILE *file = fopen(path, "rbe");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    size_t size = 0;
    char *text = NULL;
    for (;;) {
        char *grown = realloc(text, size + 4097);
        ck_assert_ptr_nonnull(grown);
        text = grown;
        const size_t got = fread(text + size, 1, 4096, file);
        size += got;
        if (got == 0)
            break;
    }
    text[size] = '\0';
    fclose(file);
    return text;
}

char *golden_read_compact(const char *name) {
    char *text = golden_read(name);
    char *to = text;
    int in_string = 0;
    for (const char *from = text; *from != '\0'; from++) {
        if (!in_string && isspace((unsigned char)*from))
            continue;
        if (*from == '"')
            in_string = !in_string;
        *to++ = *from;
        if (*from == '\\')
            *to++ = *++from;
    }
    *to = '\0';
    return text;
}
