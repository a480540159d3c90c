/* run.sh timeout: 1800, run.sh takes: 180 */
#include "operation.h"

int main(void) {
    return torture("fault: agent", agent_operations);
}
