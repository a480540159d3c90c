#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Stands in for libFuzzer: gives a target every file that the arguments name, and every file in the
 * directories that they name. Ends with how many there were. */

static size_t inputs;

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static void replay_file(const char *path) {
    size_t size;
    char *text = fuzz_read_file(path, &size);
    HOLDS_FOR(text != NULL, path);
    /* The last line there is if the target ends the program. */
    printf("%s\n", path);
    fflush(stdout);
    /* Of exactly that size, so that whoever reads past it is seen. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    HOLDS(data != NULL);
    memcpy(data, text, size);
    free(text);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static void replay(const char *path) {
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        replay_file(path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        struct stat status;
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode))
            replay_file(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%zu inputs\n", inputs);
    return inputs > 0 || argc == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
