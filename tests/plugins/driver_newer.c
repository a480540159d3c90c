#include "plugin.h"

/* Compiled against a later release, in which the table has grown. */
static struct {
    repli_driver driver;
    void (*later_method)(void *self);
    const char *later_text;
} grown;

PLUGIN(newer) {
    (void)host_abi;
    grown.driver = *table;
    grown.driver.struct_size = sizeof(grown);
    grown.driver.capabilities = UINT64_C(1) << 40;
    grown.later_text = "not known yet";
    return &grown.driver;
}
