#include "alldata/node/tally_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alldata/moment.h"
#include "alldata/node/small_file.h"
#include "base/buf.h"
#include "base/error.h"

#define ORIGIN "node"

enum { NAME_LENGTH = ALLDATA_INTERVAL_SIZE - 1, COUNT_LENGTH = 18, MOST = 4 << 20 };

/* "NAME COUNT KEY": both numbers have as many digits as they may have. */
enum { LINE = NAME_LENGTH + 1 + COUNT_LENGTH + 1 + ALLDATA_KEY_LENGTH + 1 };

static const char no_key[ALLDATA_KEY_SIZE] = "---------------------------";

static int read_line(const char *line, alldata__tally_entry *ret) {
    const int64_t events = alldata__digits_read(line + NAME_LENGTH + 1, COUNT_LENGTH);
    const char *key = line + NAME_LENGTH + 1 + COUNT_LENGTH + 1;
    if (!alldata__interval_start(line, NAME_LENGTH, &ret->start) || line[NAME_LENGTH] != ' ' ||
        events < 0 || key[-1] != ' ' || line[LINE - 1] != '\n')
        return 0;
    ret->events = (uint64_t)events;
    memset(ret->last_key, 0, sizeof(ret->last_key)); /* also behind what a later key overwrites */
    if (memcmp(key, no_key, ALLDATA_KEY_LENGTH) == 0)
        return events == 0;
    memcpy(ret->last_key, key, ALLDATA_KEY_LENGTH);
    ret->last_key[ALLDATA_KEY_LENGTH] = '\0';
    return alldata_key_validate(key, ALLDATA_KEY_LENGTH, NULL) == REPLI_OK;
}

static int compare(const void *a, const void *b) {
    const int64_t x = ((const alldata__tally_entry *)a)->start;
    const int64_t y = ((const alldata__tally_entry *)b)->start;
    return (x > y) - (x < y);
}

int32_t alldata__tally_read(const repli__mem *mem, const char *path, alldata__tally_entry *entries,
                            size_t count, repli_error *err) {
    repli_buf text = {NULL, 0, 0, mem};
    repli_error error = REPLI_ERROR_INIT; /* but for memory there is nothing to tell of */
    const int32_t code = alldata__small_file_read(path, MOST, &text, &error);
    for (size_t at = 0; code == REPLI_OK && at + LINE <= text.size; at += LINE) {
        alldata__tally_entry line;
        if (count == 0 || !read_line(text.data + at, &line))
            break;
        alldata__tally_entry *entry = bsearch(&line, entries, count, sizeof(*entries), compare);
        if (entry == NULL)
            continue;
        entry->events = line.events;
        memcpy(entry->last_key, line.last_key, sizeof(entry->last_key));
        entry->counted = entry->filed = 1;
    }
    repli_buf_dispose(&text);
    return code == REPLI_ENOMEM ? repli__error_copy(err, &error) : REPLI_OK;
}

static int32_t write_line(repli_buf *text, const alldata__tally_entry *entry) {
    char line[LINE];
    char name[ALLDATA_INTERVAL_SIZE];
    alldata__interval_name(entry->start, name);
    memset(line, ' ', sizeof(line));
    memcpy(line, name, NAME_LENGTH);
    alldata__digits_write(entry->events, COUNT_LENGTH, line + NAME_LENGTH + 1);
    memcpy(line + NAME_LENGTH + 1 + COUNT_LENGTH + 1,
           entry->last_key[0] != '\0' ? entry->last_key : no_key, ALLDATA_KEY_LENGTH);
    line[LINE - 1] = '\n';
    return repli__buf_append(text, line, sizeof(line));
}

int32_t alldata__tally_write(const repli__mem *mem, const char *path,
                             const alldata__tally_entry *entries, size_t count, repli_error *err) {
    repli_buf text = {NULL, 0, 0, mem};
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < count && code == REPLI_OK; i++)
        if (entries[i].filed)
            code = write_line(&text, &entries[i]);
    if (code == REPLI_OK)
        code = alldata__small_file_write(path, &text, err);
    else
        repli__error_nomem(err, ORIGIN, "writing the numbers of events");
    if (code != REPLI_OK)
        unlink(path);
    repli_buf_dispose(&text);
    return code;
}
