#ifndef REPLI_MODEL_WORDS_H
#define REPLI_MODEL_WORDS_H

#include <stdint.h>

/* The number behind a word as repli_status_name() and its siblings give it; 0 if there is none. */
int32_t repli__status_find(const char *name);
int32_t repli__role_find(const char *name);
int32_t repli__phase_find(const char *name);
int32_t repli__ended_find(const char *name);

#endif
