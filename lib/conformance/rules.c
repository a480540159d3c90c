#include "conformance/rules.h"

#include "conformance/conformance.h"

#define ROW(name, rule_id, rule_level, rule_scene, rule_title)                                     \
    [RULE_##name] = {                                                                              \
        .id = rule_id,                                                                             \
        .level = CONFORMANCE_##rule_level,                                                         \
        .scene = SCENE_##rule_scene,                                                               \
        .title = rule_title,                                                                       \
    },

const struct rule rules[RULE_COUNT] = {RULES(ROW)};
