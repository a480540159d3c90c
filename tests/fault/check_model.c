#include "operation.h"

int main(void) {
    return torture("fault: model", model_operations);
}
