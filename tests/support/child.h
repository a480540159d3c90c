#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

/* End a forked child: its status is 0 if all was good, else 1. It ends as another program, since
 * memcheck would take what only the parent's threads lead to for lost, and end it otherwise. */
_Noreturn void test_end_child(int good);

#endif
