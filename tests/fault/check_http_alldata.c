/* run.sh timeout: 900 */
#include "operation.h"

int main(void) {
    return torture("fault: alldata over HTTP", alldata_http_operations);
}
