#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

/* End a forked child: its status is 0 if all was good, else 1. It ends as another program, since
 * memcheck would take what only the parent's threads lead to for lost, and end it otherwise. */
_Noreturn void test_end_child(int good);

/* 0 where the thread sanitizer looks on: it takes a child's first thread for one that the parent
 * has already, by the stack they share, and ends the child. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_CHILD_MAY_START_THREADS 0
#endif
#elif defined(__SANITIZE_THREAD__)
#define TEST_CHILD_MAY_START_THREADS 0
#endif
#ifndef TEST_CHILD_MAY_START_THREADS
#define TEST_CHILD_MAY_START_THREADS 1
#endif

#endif
