#include <replicante/driver.h>

#include "conformance/object.h"
#include "conformance/subject.h"

/* The driver's file is loaded, and no more. */

enum { STRANGE_ABI = 0x7FFFFFFF };

void scene_load(struct bench *bench) {
    struct board *board = bench->board;
    repli_error err = REPLI_ERROR_INIT;
    repli__driver_table table;
    board_presume(board, RULE_DRIVER_LOADS, "the process ended while the driver was loaded");
    board_enter(board, "the entry function", 0);
    const int32_t code = subject_load(bench, &table, &err);
    board_leave(board);
    if (code != REPLI_OK) {
        board_fail(board, RULE_DRIVER_LOADS, "%s%s%s", err.message,
                   err.cause[0] != '\0' ? ": " : "", err.cause);
        return;
    }
    board_pass(board, RULE_DRIVER_LOADS, "%s %s, for %s", table.driver.name, table.driver.version,
               table.driver.store_id);
    const repli_driver_entry_fn entry = object_entry(bench->driver, &table);
    board_enter(board, "the entry function", 0);
    if (entry != NULL && entry(STRANGE_ABI) != NULL)
        board_fail(board, RULE_DRIVER_ABI,
                   "the entry function gave a table to a host of interface version %d",
                   STRANGE_ABI);
    board_leave(board);
    board_pass(board, RULE_DRIVER_ABI, "NULL for version %d", STRANGE_ABI);
    if (object_is_resident(bench->driver))
        board_pass(board, RULE_DRIVER_RESIDENT, "linked with -z nodelete");
    else
        board_fail(board, RULE_DRIVER_RESIDENT, "link it with -Wl,-z,nodelete");
}
