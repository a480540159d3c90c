#ifndef COMMON_NAME_H
#define COMMON_NAME_H

/* What the program is called, in what it says and logs. Each has its own. */
extern const char program_name[];

#endif
