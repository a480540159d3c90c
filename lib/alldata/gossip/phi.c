#include "alldata/gossip/phi.h"

static const double log10_e = 0.43429448190325182765;

enum { FIRST_US = 750000 };

void alldata__phi_init(alldata__phi *phi, uint64_t now_ns) {
    *phi = (alldata__phi){.last_ns = now_ns, .sum_us = FIRST_US, .count = 1, .next = 1};
    phi->intervals_us[0] = FIRST_US;
}

void alldata__phi_resume(alldata__phi *phi, uint64_t now_ns) {
    phi->last_ns = now_ns;
}

void alldata__phi_contact(alldata__phi *phi, uint64_t now_ns) {
    const uint64_t interval_us = now_ns > phi->last_ns ? (now_ns - phi->last_ns) / 1000 : 0;
    const uint32_t interval = interval_us < UINT32_MAX ? (uint32_t)interval_us : UINT32_MAX;
    if (phi->count == ALLDATA__PHI_WINDOW)
        phi->sum_us -= phi->intervals_us[phi->next];
    else
        phi->count++;
    phi->sum_us += interval;
    phi->intervals_us[phi->next] = interval;
    phi->next = (phi->next + 1) % ALLDATA__PHI_WINDOW;
    phi->last_ns = now_ns;
}

double alldata__phi_value(const alldata__phi *phi, uint64_t now_ns) {
    const double mean_us = (double)phi->sum_us / phi->count;
    /* A flood of signs would make the least pause deadly. */
    const double least_us = FIRST_US;
    const double silence_us = now_ns > phi->last_ns ? (double)(now_ns - phi->last_ns) / 1000 : 0;
    return log10_e * silence_us / (mean_us > least_us ? mean_us : least_us);
}
