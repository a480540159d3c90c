#ifndef REPLIAGENT_ADDRESS_H
#define REPLIAGENT_ADDRESS_H

#include "options.h"

/* Where an agent listens, as a client has to say it. */
struct address {
    char *shown;       /* for people, as it would be given to -a */
    char *base;        /* URL without a slash at its end */
    char *unix_socket; /* path, or NULL */
};

/* From the command line, a configuration or the environment. Returns an exit status; a failure has
 * been printed. */
int address_find(const struct options *options, struct address *ret_address);
void address_dispose(struct address *address);

#endif
