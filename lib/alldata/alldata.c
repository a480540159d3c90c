#include <alldata/alldata.h>

const char *alldata_error_name(int32_t code) {
    return repli_error_name(code);
}

void alldata_error_clear(repli_error *err) {
    repli_error_clear(err);
}

void alldata_buf_dispose(repli_buf *buf) {
    repli_buf_dispose(buf);
}

const char *alldata_version(void) {
    return repli_version();
}
