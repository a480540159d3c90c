#include "operation.h"

int main(void) {
    return torture("fault: driven", driven_operations);
}
