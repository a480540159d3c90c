#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

/* What the targets have in common. Each gets bytes from anywhere, and says of them what must hold
 * whatever they are. */

/* libFuzzer's side. Initialize is optional, and is called once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program if a condition does not hold. */
#define HOLDS(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
/* The same, and tells the text. */
#define HOLDS_FOR(condition, text)                                                                 \
    ((condition) ? (void)0 : fuzz_broken_for(#condition, text, __FILE__, __LINE__))
void fuzz_broken(const char *condition, const char *file, int line) __attribute__((noreturn));
void fuzz_broken_for(const char *condition, const char *text, const char *file, int line)
    __attribute__((noreturn));

/* A call that may fail: code and error fit together, and what people read is fit to be read. The
 * error was empty before. */
void fuzz_outcome(int32_t code, const repli_error *error);

/* Bytes as decisions, one after the other; past their end all is zero. What is made of them lives
 * until fuzz_input_end(). */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t size;
    void **pieces;
    size_t piece_count;
} fuzz_input;

#define FUZZ_INPUT(data, size) ((fuzz_input){data, size, NULL, 0})

void fuzz_input_end(fuzz_input *input);
uint8_t fuzz_byte(fuzz_input *input);
/* Of that many bytes, little end first. */
uint64_t fuzz_number(fuzz_input *input, size_t bytes);
/* A number of any size, more often a small or an extreme one. */
int64_t fuzz_integer(fuzz_input *input);
/* Up to the next NUL; *ret_size (may be NULL) without it. */
char *fuzz_text(fuzz_input *input, size_t *ret_size);
/* Memory of exactly that size, so that whoever reads past it is seen. */
void *fuzz_keep(fuzz_input *input, const void *data, size_t size);

/* A directory of the process's own below $TMPDIR; gone when the process ends as it should. */
const char *fuzz_directory(void);
/* "DIRECTORY/NAME"; static for each of up to four calls. */
const char *fuzz_path(const char *name);
void fuzz_write_file(const char *path, const void *data, size_t size);
/* malloc(). NULL if there is none. */
char *fuzz_read_file(const char *path, size_t *ret_size);

#endif
