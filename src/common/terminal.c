#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_colour(int fd) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && isatty(fd) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

size_t terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static int continues(unsigned char c) {
    return (c & 0xC0) == 0x80;
}

size_t terminal_character(const char *text) {
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80)
        return 1;
    if (c[0] >= 0xC2 && c[0] <= 0xDF)
        return continues(c[1]) ? 2 : 0;
    if (c[0] >= 0xE0 && c[0] <= 0xEF) {
        const int bad = (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F);
        return !bad && continues(c[1]) && continues(c[2]) ? 3 : 0;
    }
    if (c[0] >= 0xF0 && c[0] <= 0xF4) {
        const int bad = (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F);
        return !bad && continues(c[1]) && continues(c[2]) && continues(c[3]) ? 4 : 0;
    }
    return 0;
}

void terminal_clean(char *text) {
    while (*text != '\0') {
        const unsigned char *c = (const unsigned char *)text;
        const size_t size = terminal_character(text);
        const int is_c1 = size == 2 && c[0] == 0xC2 && c[1] < 0xA0;
        if (size == 0 || is_c1 || c[0] < 0x20 || c[0] == 0x7F)
            memset(text, '?', size > 0 ? size : 1);
        text += size > 0 ? size : 1;
    }
}

size_t terminal_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += !continues((unsigned char)*text);
    return width;
}

void terminal_cut(char *text, size_t width) {
    for (; *text != '\0'; text++) {
        if (continues((unsigned char)*text))
            continue;
        if (width == 0) {
            *text = '\0';
            return;
        }
        width--;
    }
}
