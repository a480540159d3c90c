/* run.sh timeout: 1800, run.sh takes: 100 */
#include "operation.h"

int main(void) {
    return torture("fault: running", running_operations);
}
