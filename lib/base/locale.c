#include "base/locale.h"

/* The C library keeps this locale ready, so that neither takes memory. */
void repli__locale_enter(repli__locale *locale) {
    locale->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale->before = locale->c != (locale_t)0 ? uselocale(locale->c) : (locale_t)0;
}

void repli__locale_leave(repli__locale *locale) {
    if (locale->c == (locale_t)0)
        return;
    uselocale(locale->before);
    freelocale(locale->c);
}
