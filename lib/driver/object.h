#ifndef REPLI_DRIVER_OBJECT_H
#define REPLI_DRIVER_OBJECT_H

#include <stdint.h>

#include <replicante/error.h>

/* A shared object that was not copied to its end kills the process that loads it, by SIGBUS.
 * REPLI_EIO if path is one. What is wrong otherwise is for the dynamic linker to say. */
int32_t repli__object_check(const char *path, repli_error *err);

#endif
