/* run.sh timeout: 1800, run.sh takes: 230 */
#include "operation.h"

int main(void) {
    return torture("fault: driven", driven_operations);
}
