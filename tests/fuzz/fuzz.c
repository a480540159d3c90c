#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

void fuzz_broken_for(const char *condition, const char *text, const char *file, int line) {
    fprintf(stderr, "%s:%d: this does not hold: %s\n%s%s", file, line, condition, text,
            text[0] != '\0' ? "\n" : "");
    fflush(stderr);
    __builtin_trap();
}

void fuzz_broken(const char *condition, const char *file, int line) {
    fuzz_broken_for(condition, "", file, line);
}

static void fuzz_readable(const char *text, size_t size) {
    const size_t length = strnlen(text, size);
    HOLDS(length < size);
    HOLDS_FOR(repli__utf8_check(text, length) == length, text);
    for (size_t at = 0; at < length;) {
        uint32_t c;
        at += repli__utf8_next(text + at, length - at, &c);
        HOLDS_FOR(!repli__utf8_is_control(c), text);
    }
}

void fuzz_outcome(int32_t code, const repli_error *error) {
    if (code == REPLI_OK) {
        HOLDS_FOR(error->code == REPLI_OK && error->message[0] == '\0', error->message);
        return;
    }
    HOLDS(code < 0);
    HOLDS_FOR(error->code == code, error->message);
    HOLDS(error->message[0] != '\0');
    fuzz_readable(error->message, sizeof(error->message));
    fuzz_readable(error->cause, sizeof(error->cause));
    fuzz_readable(error->origin, sizeof(error->origin));
    fuzz_readable(error->native, sizeof(error->native));
}

static void *claim(void *memory) {
    HOLDS(memory != NULL);
    return memory;
}

void *fuzz_keep(fuzz_input *input, const void *data, size_t size) {
    void *piece = claim(malloc(size > 0 ? size : 1));
    if (size > 0)
        memcpy(piece, data, size);
    input->pieces =
        claim(realloc(input->pieces, (input->piece_count + 1) * sizeof(*input->pieces)));
    input->pieces[input->piece_count++] = piece;
    return piece;
}

void fuzz_input_end(fuzz_input *input) {
    for (size_t i = 0; i < input->piece_count; i++)
        free(input->pieces[i]);
    free(input->pieces);
    *input = FUZZ_INPUT(NULL, 0);
}

uint8_t fuzz_byte(fuzz_input *input) {
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

uint64_t fuzz_number(fuzz_input *input, size_t bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)fuzz_byte(input) << (8 * i);
    return number;
}

int64_t fuzz_integer(fuzz_input *input) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1,
                                       INT32_MIN, INT32_MAX,     -1,        0};
    const uint8_t kind = fuzz_byte(input);
    if (kind < 8)
        return extremes[kind];
    if (kind < 128)
        return kind - 8;
    return (int64_t)fuzz_number(input, kind < 192 ? 2 : 8);
}

char *fuzz_text(fuzz_input *input, size_t *ret_size) {
    const size_t size = input->size > 0 ? strnlen((const char *)input->data, input->size) : 0;
    char *text = claim(malloc(size + 1));
    if (size > 0)
        memcpy(text, input->data, size);
    text[size] = '\0';
    char *kept = fuzz_keep(input, text, size + 1);
    free(text);
    input->data += size;
    input->size -= size;
    fuzz_byte(input);
    if (ret_size != NULL)
        *ret_size = size;
    return kept;
}

/* Files. */

static char directory[80]; /* short enough for a socket in it */

static void remove_directory(void) {
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", directory);
}

const char *fuzz_directory(void) {
    if (directory[0] != '\0')
        return directory;
    const char *parent = getenv("TMPDIR");
    const int size = snprintf(directory, sizeof(directory), "%s/repli-fuzz-XXXXXX",
                              parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    HOLDS(size > 0 && (size_t)size < sizeof(directory));
    HOLDS(mkdtemp(directory) != NULL);
    HOLDS(atexit(remove_directory) == 0);
    return directory;
}

const char *fuzz_path(const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", fuzz_directory(), name);
    return path;
}

void fuzz_write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wbe");
    HOLDS(file != NULL);
    HOLDS(size == 0 || fwrite(data, 1, size, file) == size);
    HOLDS(fclose(file) == 0);
}

char *fuzz_read_file(const char *path, size_t *ret_size) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return NULL;
    struct stat status;
    HOLDS(fstat(fileno(file), &status) == 0);
    char *data = claim(malloc((size_t)status.st_size + 1));
    *ret_size = fread(data, 1, (size_t)status.st_size, file);
    data[*ret_size] = '\0';
    fclose(file);
    return data;
}
