#ifndef REPLI_BASE_ADDRESS_H
#define REPLI_BASE_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

/* Split "host:port" or "[host]:port", port from 0 to 65535. 0 if it is neither, or the host does
 * not fit. */
int repli__address_split(const char *text, char *ret_host, size_t size, uint16_t *ret_port);

#endif
