#include "operation.h"

int main(void) {
    return torture("fault: config", config_operations);
}
