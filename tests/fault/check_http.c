/* run.sh timeout: 1800 */
#include "operation.h"

int main(void) {
    return torture("fault: http", http_operations);
}
