#ifndef ALLDATA_GOSSIP_FRAME_H
#define ALLDATA_GOSSIP_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>

#include "alldata/gossip/limits.h"
#include "base/json_out.h"
#include "base/json_span.h"

/*
 * Frames: one JSON object each.
 *
 *   {"digest":[{"id","maxVersionSeen","transport":{"host","port"}},…],"sender":{"id","transport"}}
 *   {"deltas":[[id, key, value, version],…],"sender":…}
 *
 * Ours have one member more, which reference nodes ignore, as they ignore a frame with nothing else
 * but a sender:
 *
 *   "alldata":{"started":ms,"now":ms,"ask":true,"suspects":[id,…]}
 *
 * started is when the sender started, now what its clock says, ask that it waits for a sign of
 * life, and suspects are peers that it has had none from.
 */
typedef struct alldata__address {
    char host[ALLDATA__HOST_SIZE];
    int32_t port;
} alldata__address;

int alldata__same_address(const alldata__address *a, const alldata__address *b);

/* Greatest version there can be: JavaScript's greatest exact integer. */
#define ALLDATA__VERSION_MAX INT64_C(9007199254740991)

/* Reading. Nothing is taken from a frame that was not checked. */

typedef struct alldata__frame {
    char id[ALLDATA__ID_SIZE]; /* of the sender */
    alldata__address address;
    repli__json_span digest; /* none: this is no digest */
    repli__json_span deltas;
    repli__json_span suspects;
    int ours;
    int64_t started_ms; /* 0: not said */
    int64_t now_ms;     /* likewise */
    int ask;
} alldata__frame;

/* 0 if it is to be ignored. The text must stay while ret_frame is used. */
int alldata__frame_read(const char *text, size_t size, alldata__frame *ret_frame);

typedef struct alldata__listed {
    char id[ALLDATA__ID_SIZE];
    alldata__address address;
    int64_t version;
} alldata__listed;

typedef struct alldata__delta {
    char id[ALLDATA__ID_SIZE];
    char key[ALLDATA__KEY_NAME_SIZE];
    repli__json_span value;
    int64_t version;
} alldata__delta;

/* One after the other, *at is 0 at first. Those that make no sense are skipped and counted in *bad.
 * 0 when there are no more. */
int alldata__frame_listed(const alldata__frame *frame, size_t *at, uint64_t *bad,
                          alldata__listed *ret_listed);
int alldata__frame_delta(const alldata__frame *frame, size_t *at, uint64_t *bad,
                         alldata__delta *ret_delta);
int alldata__frame_suspect(const alldata__frame *frame, size_t *at, char ret_id[ALLDATA__ID_SIZE]);

/* Writing. Ids and keys are JSON already, as alldata__value_quote() makes it. */

typedef struct alldata__frame_out {
    repli__json_out json;
    const char *id;
    const alldata__address *address;
} alldata__frame_out;

void alldata__frame_begin(alldata__frame_out *out, repli_buf *buf, const char *id,
                          const alldata__address *address);
/* member is "digest" or "deltas"; NULL: neither. */
void alldata__frame_list(alldata__frame_out *out, const char *member);
void alldata__frame_put_listed(alldata__frame_out *out, const char *id,
                               const alldata__address *address, int64_t version);
void alldata__frame_put_delta(alldata__frame_out *out, const char *id, const char *key,
                              const char *value, int64_t version);
/* After the list, with the same member; each suspect is put between this and the end. */
void alldata__frame_sign(alldata__frame_out *out, const char *member, int64_t started_ms,
                         int64_t now_ms, int ask);
void alldata__frame_put_suspect(alldata__frame_out *out, const char *id);
/* REPLI_OK or REPLI_ENOMEM. */
int32_t alldata__frame_end(alldata__frame_out *out);

#endif
