#include "child.h"

#include <unistd.h>

void test_end_child(int good) {
    const char *program = good ? "true" : "false";
    execlp(program, program, (char *)NULL);
    _exit(1);
}
