#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "trap.h"

/* Between SQLite and its files. Unlocking and closing always work, as they do on real machines. */

typedef struct trap_file {
    sqlite3_file base;
    sqlite3_file *real; /* follows in the same piece of memory */
} trap_file;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((trap_file *)(void *)file)->real;
}

static sqlite3_vfs *real_vfs(sqlite3_vfs *vfs) {
    return vfs->pAppData;
}

#define FAIL(kinds, likely)                                                                        \
    do {                                                                                           \
        const int failed = trap_hit(TRAP_VFS | (kinds), NULL, likely);                             \
        if (failed != 0)                                                                           \
            return failed;                                                                         \
    } while (0)

/* CALL(name, method, kinds, likely code, (more parameters), (arguments)) */
#define CALL(name, method, kinds, likely, parameters, arguments)                                   \
    static int name parameters {                                                                   \
        FAIL(kinds, likely);                                                                       \
        sqlite3_file *real = real_of(file);                                                        \
        return real->pMethods->method arguments;                                                   \
    }

CALL(file_write, xWrite, TRAP_WRITE, SQLITE_IOERR_WRITE,
     (sqlite3_file * file, const void *from, int size, sqlite3_int64 at), (real, from, size, at))
CALL(file_truncate, xTruncate, 0, SQLITE_IOERR_TRUNCATE, (sqlite3_file * file, sqlite3_int64 size),
     (real, size))
CALL(file_sync, xSync, 0, SQLITE_IOERR_FSYNC, (sqlite3_file * file, int flags), (real, flags))
CALL(file_size, xFileSize, 0, SQLITE_IOERR_FSTAT, (sqlite3_file * file, sqlite3_int64 *ret_size),
     (real, ret_size))
CALL(file_lock, xLock, TRAP_LOCK, SQLITE_IOERR_LOCK, (sqlite3_file * file, int level),
     (real, level))
CALL(file_reserved, xCheckReservedLock, 0, SQLITE_IOERR_CHECKRESERVEDLOCK,
     (sqlite3_file * file, int *ret_reserved), (real, ret_reserved))
CALL(file_map, xShmMap, TRAP_WRITE, SQLITE_IOERR_SHMMAP,
     (sqlite3_file * file, int region, int size, int extend, void volatile **ret_memory),
     (real, region, size, extend, ret_memory))

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at) {
    FAIL(0, SQLITE_IOERR_READ);
    sqlite3_file *real = real_of(file);
    return real->pMethods->xRead(real, to, size, at);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    if ((flags & SQLITE_SHM_UNLOCK) == 0)
        FAIL(TRAP_LOCK, SQLITE_IOERR_SHMLOCK);
    sqlite3_file *real = real_of(file);
    return real->pMethods->xShmLock(real, offset, count, flags);
}

static int file_close(sqlite3_file *file) {
    sqlite3_file *real = real_of(file);
    const int code = real->pMethods != NULL ? real->pMethods->xClose(real) : SQLITE_OK;
    file->pMethods = NULL;
    return code;
}

static int file_unlock(sqlite3_file *file, int level) {
    sqlite3_file *real = real_of(file);
    return real->pMethods->xUnlock(real, level);
}

static int file_control(sqlite3_file *file, int what, void *argument) {
    sqlite3_file *real = real_of(file);
    return real->pMethods->xFileControl(real, what, argument);
}

static int file_sector(sqlite3_file *file) {
    sqlite3_file *real = real_of(file);
    return real->pMethods->xSectorSize(real);
}

static int file_device(sqlite3_file *file) {
    sqlite3_file *real = real_of(file);
    return real->pMethods->xDeviceCharacteristics(real);
}

static void file_barrier(sqlite3_file *file) {
    sqlite3_file *real = real_of(file);
    real->pMethods->xShmBarrier(real);
}

static int file_unmap(sqlite3_file *file, int remove) {
    sqlite3_file *real = real_of(file);
    return real->pMethods->xShmUnmap(real, remove);
}

/* Version 2: with shared memory, without mapped files. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_device,
                                           .xShmMap = file_map,
                                           .xShmLock = file_shm_lock,
                                           .xShmBarrier = file_barrier,
                                           .xShmUnmap = file_unmap};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags) {
    file->pMethods = NULL;
    FAIL(0, SQLITE_CANTOPEN);
    trap_file *own = (trap_file *)(void *)file;
    own->real = (sqlite3_file *)(own + 1);
    const int code = real_vfs(vfs)->xOpen(real_vfs(vfs), name, own->real, flags, ret_flags);
    file->pMethods = own->real->pMethods != NULL ? &methods : NULL;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    FAIL(0, SQLITE_IOERR_DELETE);
    return real_vfs(vfs)->xDelete(real_vfs(vfs), name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_exists) {
    FAIL(0, SQLITE_IOERR_ACCESS);
    return real_vfs(vfs)->xAccess(real_vfs(vfs), name, flags, ret_exists);
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *ret_path) {
    FAIL(0, SQLITE_CANTOPEN);
    return real_vfs(vfs)->xFullPathname(real_vfs(vfs), name, size, ret_path);
}

/* SQLite sleeps while it waits for a lock, for two seconds in all if nobody gives way. */
static int vfs_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return us;
}

void trap_vfs_register(void) {
    static sqlite3_vfs vfs;
    if (vfs.zName != NULL)
        return;
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.szOsFile = (int)sizeof(trap_file) + real->szOsFile;
    vfs.pNext = NULL;
    vfs.zName = "trap";
    vfs.pAppData = real;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_path;
    vfs.xSleep = vfs_sleep;
    sqlite3_vfs_register(&vfs, 1);
}
