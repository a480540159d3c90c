#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "fuzz.h"
#include "store_use.h"
#include "store/schema.h"

/* Records that are not as they should be: rows with anything in any column. What the store hands
 * out is fit for a client, or it says that the database is damaged; and no row goes but those that
 * are purged. */

static char *empty; /* a database without actions */
static size_t empty_size;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    store_use_create(0);
    empty = fuzz_read_file(store_use_path(), &empty_size);
    HOLDS(empty != NULL);
    return 0;
}

static void bind(sqlite3_stmt *statement, int column, fuzz_input *input) {
    size_t size;
    const char *text;
    switch (fuzz_byte(input) % 5) {
    case 0: sqlite3_bind_null(statement, column); break;
    case 1: sqlite3_bind_int64(statement, column, fuzz_integer(input)); break;
    case 2:
        text = fuzz_text(input, &size);
        sqlite3_bind_blob64(statement, column, text, size, SQLITE_STATIC);
        break;
    case 3: sqlite3_bind_double(statement, column, (double)fuzz_integer(input) / 7); break;
    default:
        text = fuzz_text(input, &size);
        sqlite3_bind_text64(statement, column, text, size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    }
}

/* A row that is good but for the columns that the input names. */
static void bind_action(sqlite3_stmt *statement, fuzz_input *input, int number) {
    unsigned char id[16] = {0};
    id[0] = (unsigned char)number;
    const uint64_t spoilt = fuzz_number(input, 2);
    const int phase = 1 + fuzz_byte(input) % 4;
    const int final = phase >= 3;
    const int columns = sqlite3_bind_parameter_count(statement);
    sqlite3_bind_int64(statement, 1, number + 1);
    sqlite3_bind_blob(statement, 2, id, sizeof(id), SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, 3, phase);
    sqlite3_bind_int(statement, 4, 0);
    for (int i = 5; i <= 8; i++)
        sqlite3_bind_int64(statement, i, INT64_C(1700000000000000000) + number);
    if (!final)
        sqlite3_bind_null(statement, 8);
    sqlite3_bind_text(statement, 9, "example.com/work", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 10, "AGENT_API", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 11, "{\"a\":\"b\"}", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 12, "{\"step\":1}", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 13, "{\"error_msg\":\"no\"}", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 14, "null", -1, SQLITE_STATIC);
    for (int i = 1; i <= columns; i++)
        if (spoilt >> i & 1)
            bind(statement, i, input);
}

/* Not 0 if the row is there now; what the schema itself forbids is not. */
static int insert(sqlite3 *db, const char *sql, fuzz_input *input, int number) {
    sqlite3_stmt *statement;
    HOLDS_FOR(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    if (sqlite3_bind_parameter_count(statement) > 4)
        bind_action(statement, input, number);
    else
        for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++)
            bind(statement, i, input);
    const int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE;
}

/* Returns how many actions there are. */
static uint64_t fill(const char *path, fuzz_input *input) {
    sqlite3 *db;
    HOLDS(sqlite3_open(path, &db) == SQLITE_OK);
    HOLDS(sqlite3_exec(db, "PRAGMA synchronous = 0; BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    uint64_t actions = 0;
    for (int i = 0; i < 16 && input->size > 0; i++)
        switch (fuzz_byte(input) % 4) {
        case 0:
            insert(db, "INSERT INTO history (seq, n, time_ns, payload) VALUES (?, ?, ?, ?)", input,
                   i);
            break;
        case 1: insert(db, "INSERT INTO facts (name, value) VALUES (?, ?)", input, i); break;
        default:
            actions += (uint64_t)insert(
                db,
                "INSERT INTO actions (seq, id, phase, steps, created_ns, scheduled_ns, started_ns,"
                " finished_ns, kind, requester, headers, payload, error, args)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                input, i);
            break;
        }
    HOLDS(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    return actions;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = store_use_path();
    fuzz_input input = FUZZ_INPUT(data, size);
    store_use_replace(empty, empty_size);
    const uint8_t ways = fuzz_byte(&input);
    const uint64_t actions = fill(path, &input);
    repli__store *store = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = store_use_open(&store, &error);
    fuzz_outcome(code, &error);
    if (code == REPLI_OK) {
        const store_use_counts counts = store_use(store, ways);
        repli__store_close(store);
        HOLDS(store_use_count() == actions + counts.inserted - counts.purged);
    }
    fuzz_input_end(&input);
    return 0;
}
