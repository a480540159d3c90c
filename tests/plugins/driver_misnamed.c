#include "plugin.h"

/* The table is for another driver than the file and the entry function. */
PLUGIN(misnamed) {
    (void)host_abi;
    table->name = "something_else";
    return table;
}
