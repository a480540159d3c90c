#ifndef ALLDATA_GOSSIP_PHI_H
#define ALLDATA_GOSSIP_PHI_H

#include <stdint.h>

/*
 * Phi accrual failure detector, as reference nodes have it: how surprising the present silence of a
 * peer is, measured by the mean of up to 100 intervals between its last signs of life.
 */
enum { ALLDATA__PHI_WINDOW = 100 };

#define ALLDATA__PHI_DEAD 8.0

typedef struct alldata__phi {
    uint64_t last_ns; /* of the last sign of life */
    uint64_t sum_us;
    uint32_t intervals_us[ALLDATA__PHI_WINDOW];
    uint32_t count;
    uint32_t next; /* to be replaced */
} alldata__phi;

/* The first sign of life there ever was. */
void alldata__phi_init(alldata__phi *phi, uint64_t now_ns);
void alldata__phi_contact(alldata__phi *phi, uint64_t now_ns);
/* A sign of life after an outage, which says nothing about how often there are signs. */
void alldata__phi_resume(alldata__phi *phi, uint64_t now_ns);
double alldata__phi_value(const alldata__phi *phi, uint64_t now_ns);

#endif
