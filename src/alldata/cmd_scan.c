#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "exits.h"
#include "name.h"
#include "session.h"
#include "text.h"

/* {"key":"…","event":…} a line. A line feed can only stand between tokens, where a blank does as
 * well. */

static void print_key(const alldata_record *record) {
    json_t *key = json_stringn(record->key, record->key_size);
    /* One of another make may be no text at all. */
    if (key == NULL || json_dumpf(key, stdout, JSON_ENCODE_ANY | JSON_COMPACT) != 0)
        fputs("null", stdout);
    json_decref(key);
}

static void print_event(const alldata_record *record) {
    fputs("{\"key\":", stdout);
    print_key(record);
    fputs(",\"event\":", stdout);
    const char *from = record->event;
    const char *end = from + record->event_size;
    for (const char *feed; (feed = memchr(from, '\n', (size_t)(end - from))) != NULL;
         from = feed + 1) {
        fwrite(from, 1, (size_t)(feed - from), stdout);
        putchar(' ');
    }
    fwrite(from, 1, (size_t)(end - from), stdout);
    fputs("}\n", stdout);
}

static int print_all(alldata_client_scan *scan) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    char last[ALLDATA_KEY_SIZE] = "";
    /* Nobody reads on when the output cannot be written: main() says so. */
    while (!ferror(stdout) && alldata_client_scan_next(scan, &record, &err) == REPLI_OK) {
        print_event(&record);
        snprintf(last, sizeof(last), "%.*s",
                 (int)(record.key_size < sizeof(last) ? record.key_size : sizeof(last) - 1),
                 record.key);
    }
    if (err.code == REPLI_OK || err.code == REPLI_EDONE)
        return EXITS_OK;
    const int status = session_complain(&err);
    if (last[0] != '\0')
        fprintf(stderr, "%s: the last key was %s: go on with --after %s\n", program_name, last,
                last);
    return status;
}

int cmd_scan(const struct options *options) {
    alldata_client_scan_options wanted = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    alldata_client_scan *scan = NULL;
    alldata_client *client;
    repli_error err = REPLI_ERROR_INIT;
    int status = session_open(options, 0, &client);
    if (status != EXITS_OK)
        return status;
    wanted.from = options->from;
    wanted.after = options->after;
    wanted.until = options->until;
    wanted.prefix = options->prefix;
    wanted.interval = options->interval;
    wanted.local = options->local;
    wanted.limit = (uint64_t)options->limit;
    if (alldata_client_scan_new(client, &wanted, &scan, &err) == REPLI_OK)
        status = print_all(scan);
    else
        status = session_complain(&err);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    return status;
}
