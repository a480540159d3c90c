/* run.sh timeout: 1800, run.sh takes: 85 */
#include "operation.h"

int main(void) {
    return torture("fault: http", http_operations);
}
