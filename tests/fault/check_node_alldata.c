/* run.sh timeout: 900 */
#include "operation.h"

int main(void) {
    return torture("fault: a node of alldata", alldata_node_operations);
}
