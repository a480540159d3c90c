#ifndef FAULT_TRAP_H
#define FAULT_TRAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/*
 * Every call of this program that can fail comes by here first, whoever makes it: memory
 * (memory.c), files, sockets, threads (calls.c) and SQLite, from above (sqlite.c) and from below
 * (vfs.c). What a plan asks for fails; all else goes through.
 */

enum {
    TRAP_MEMORY = 1 << 0, /* malloc and its kin */
    TRAP_OWN = 1 << 1,    /* the allocator that a test hands to the library */
    TRAP_CALL = 1 << 2,   /* of the system */
    TRAP_RETRY = 1 << 3,  /* the same, those that a signal may interrupt */
    TRAP_SQLITE = 1 << 4, /* calls of SQLite's interface */
    TRAP_VFS = 1 << 5,    /* what SQLite does with files: any */
    TRAP_WRITE = 1 << 6,  /* the same, where a disk may be full */
    TRAP_LOCK = 1 << 7    /* the same, where another may hold a lock */
};

/* Who makes the call. */
enum { TRAP_ANYBODY, TRAP_OURS, TRAP_THEIRS };

/* In which threads calls fail: in the one that is between trap_enter() and trap_leave(), in those
 * that are not, or in both. */
enum { TRAP_HERE, TRAP_ELSEWHERE, TRAP_EVERYWHERE };

typedef struct trap_plan {
    unsigned kinds; /* TRAP_* that fail */
    int whose;      /* TRAP_ANYBODY, TRAP_OURS, TRAP_THEIRS */
    int where;      /* TRAP_HERE, TRAP_ELSEWHERE, TRAP_EVERYWHERE */
    size_t at;      /* the call that fails, counted from 1; 0: none, they are only counted */
    int for_good;   /* so do all that follow */
    int error;      /* errno, or a code of SQLite; 0: what that call most likely says */
} trap_plan;

void trap_set(const trap_plan *plan);
/* No plan any more. Returns how many calls failed. */
size_t trap_clear(void);
/* Calls that the plan was about, failed or not. */
size_t trap_count(void);

/* Calls that failed by now; 0 without a plan. */
size_t trap_failed(void);

void trap_enter(void);
void trap_leave(void);
/* This thread belongs to the test, and never fails elsewhere either. */
void trap_exempt(void);

/* Is this call to fail? Returns 0, or the plan's error or else likely. */
int trap_hit(unsigned kinds, const void *caller, int likely);

/* Who calls the function that this is in. */
#define TRAP_CALLER __builtin_return_address(0)

/* The function of that name which ours stands before. */
void *trap_next(const char *name);

/* Sanitizers must be the first to see malloc and pthread_create. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRAP_ABSENT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRAP_ABSENT 1
#endif
#endif

/* Whether malloc comes by here. */
int trap_sees_memory(void);
/* Pieces of memory that were not given back, of the whole process; -1: not known. */
long trap_live(void);

/* Makes vfs.c the way of SQLite to files. */
void trap_vfs_register(void);

/* What comes after ours under that name, as next. Looked for by whichever thread is the first to
 * call it, or by several at once. C has no cast from data to function. */
#define TRAP_FIND(result, name, parameters)                                                        \
    typedef result(*function) parameters;                                                          \
    static _Atomic(function) known;                                                                \
    function next = atomic_load_explicit(&known, memory_order_relaxed);                            \
    if (next == NULL) {                                                                            \
        void *const found = trap_next(#name);                                                      \
        memcpy(&next, &found, sizeof(next));                                                       \
        atomic_store_explicit(&known, next, memory_order_relaxed);                                 \
    }

#endif
