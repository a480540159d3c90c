#include <string.h>

#include "calls_agent.h"

/* Maintenance. */

static int32_t hold_up(repli_agent *agent, const char *owner, uint32_t flags, repli_error *err) {
    repli_maintenance wanted = REPLI_MAINTENANCE_INIT;
    wanted.owner = owner;
    wanted.reason = "a test";
    return repli_agent_set_maintenance(agent, &wanted, flags, err);
}

/* The host's actions are not to wait for others of these. */
#define HELD(expression)                                                                           \
    party own;                                                                                     \
    const party_options options = {.serve = 0};                                                    \
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);                                         \
    const int32_t code = (expression);                                                             \
    party_end(&own);                                                                               \
    return code

int32_t call_repli_agent_set_maintenance(world *w, repli_error *err) {
    if (w->forked)
        return hold_up(w->host.agent, "me", 0, err);
    HELD(hold_up(own.agent, "me", 0, err));
}

int32_t fail_repli_agent_set_maintenance_REPLI_EINVALID(world *w, repli_error *err) {
    return hold_up(w->host.agent, NULL, 0, err);
}

static int32_t conflict(repli_agent *agent, repli_error *err) {
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    const int32_t code = hold_up(agent, "you", 0, err);
    REQUIRE(hold_up(agent, "you", REPLI_MAINTENANCE_FORCE, NULL) == REPLI_OK);
    REQUIRE(repli_agent_set_maintenance(agent, NULL, 0, NULL) == REPLI_OK);
    REQUIRE(repli_agent_set_maintenance(agent, NULL, 0, NULL) == REPLI_OK);
    return code;
}

int32_t fail_repli_agent_set_maintenance_REPLI_ECONFLICT(world *w, repli_error *err) {
    (void)w;
    HELD(conflict(own.agent, err));
}

static int32_t tell(repli_agent *agent, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_maintenance *found = UNSET;
    const int32_t code = repli_agent_maintenance(agent, &doc, &found, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && found == UNSET);
        return code;
    }
    const int good = strcmp(found->owner, "me") == 0 && found->since_ns != REPLI_TIME_NONE;
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

static int32_t hold_up_and_tell(repli_agent *agent, repli_error *err) {
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    return tell(agent, err);
}

int32_t call_repli_agent_maintenance(world *w, repli_error *err) {
    if (w->forked)
        return tell(w->host.agent, err);
    HELD(hold_up_and_tell(own.agent, err));
}

int32_t fail_repli_agent_maintenance_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return tell(w->host.agent, err);
}
