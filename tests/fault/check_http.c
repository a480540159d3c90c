#include "operation.h"

int main(void) {
    return torture("fault: http", http_operations);
}
