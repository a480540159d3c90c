#ifndef ALLDATA_GOSSIP_LIMITS_H
#define ALLDATA_GOSSIP_LIMITS_H

/*
 * What bounds a node's memory whatever others send: peers are counted, and so is what each of them
 * may be known by. Reference nodes have no limits; theirs are far below these in practice.
 */
enum {
    ALLDATA__ID_SIZE = 129,   /* of a peer's id, with the NUL */
    ALLDATA__HOST_SIZE = 254, /* of a host name or address, with the NUL */
    ALLDATA__KEY_NAME_SIZE = 65,
    ALLDATA__WORD_SIZE = 129,  /* of a zone or region */
    ALLDATA__VALUE_MAX = 4096, /* bytes of one value as compact ASCII */
    ALLDATA__PEER_KEYS = 32,
    ALLDATA__PEER_BYTES = 8192, /* names and values of all keys of a peer */
    ALLDATA__PEERS = 1024,      /* unless configured otherwise */

    /* A reference node tells no more than these at a time, so that what we publish ourselves must
     * fit: or its parts would arrive one by one. */
    ALLDATA__DELTAS = 5,
    ALLDATA__DELTAS_BYTES = 64 * 1024, /* about, of one frame between our own nodes */
    ALLDATA__DIGEST_PEERS = 256,       /* in one digest; others get their turn */
    ALLDATA__FRAME_MAX = 256 * 1024,   /* of a frame that is read */
    ALLDATA__FRAME_DEPTH = 20,
    ALLDATA__SUSPECTS = 32 /* in one frame */
};

#endif
