/* Releases the instance twice: process.survives. */
#include "base/sound.h"

static void close_store(void *opened) {
    const repli_host *host = ((sound *)opened)->host;
    sound_close(opened);
    host->release(host, opened);
}

DRIVER(releases_twice, .close = close_store)
