#ifndef REPLI_BASE_LOCALE_H
#define REPLI_BASE_LOCALE_H

#include <locale.h>

/*
 * The C locale for the calling thread, around code that reads or prints numbers: the host's locale
 * may have a comma where data has a point, and jansson aborts where it has more than one byte.
 */
typedef struct repli__locale {
    locale_t c;
    locale_t before;
} repli__locale;

void repli__locale_enter(repli__locale *locale);
void repli__locale_leave(repli__locale *locale);

#endif
