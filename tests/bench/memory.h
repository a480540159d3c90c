#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <sys/types.h>

/* A line of /proc/PID/status that is in KiB, such as "VmRSS:"; -1: there is none. */
double memory_kib(pid_t pid, const char *name);

#endif
