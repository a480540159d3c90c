/* A shared object like any other. */

int plugin_without_entry(void);

int plugin_without_entry(void) {
    return 1;
}
