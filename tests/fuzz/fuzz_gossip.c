#include <stdlib.h>
#include <string.h>

#include "alldata/gossip/membership.h"
#include "base/json_check.h"
#include "fuzz.h"

/* A node that is sent frames: whatever they are, it stays within its bounds, and what it sends in
 * turn is JSON in ASCII. The input is frames, with a NUL between two of them. */

static uint64_t chance;

static uint64_t draw(void *user_data) {
    (void)user_data;
    return chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
}

static void take(void *user_data, const alldata__address *to, const char *frame, size_t size) {
    alldata__frame read;
    (void)user_data;
    HOLDS(to->port > 0 && to->port < 65536);
    HOLDS_FOR(strlen(to->host) > 0, frame);
    HOLDS_FOR(size > 2 && size <= ALLDATA__FRAME_MAX, frame);
    HOLDS_FOR(memcmp(frame + size - 2, "\r\n", 2) == 0, frame);
    for (size_t i = 0; i < size; i++)
        HOLDS_FOR((unsigned char)frame[i] < 0x80, frame);
    HOLDS_FOR(alldata__frame_read(frame, size, &read), frame);
    HOLDS_FOR(strcmp(read.id, "ad\xC3\xA9") == 0, frame);
    alldata__listed listed;
    alldata__delta delta;
    uint64_t bad = 0;
    size_t at = 0;
    while (alldata__frame_listed(&read, &at, &bad, &listed))
        continue;
    at = 0;
    while (alldata__frame_delta(&read, &at, &bad, &delta))
        continue;
    HOLDS_FOR(bad == 0, frame);
}

static void expect_bounds(const alldata__membership *node) {
    const alldata__peers *peers = alldata__membership_peers(node);
    HOLDS(peers->count <= 8);
    for (size_t i = 0; i < peers->count; i++) {
        const alldata__peer *peer = peers->items[i];
        size_t bytes = 0;
        for (size_t k = 0; k < peer->entry_count; k++)
            bytes += strlen(peer->entries[k].name) + strlen(peer->entries[k].value);
        HOLDS(bytes == peer->bytes && bytes <= ALLDATA__PEER_BYTES);
        HOLDS(peer->entry_count <= ALLDATA__PEER_KEYS);
        HOLDS(i == 0 || peers->items[i - 1]->hash <= peer->hash);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const alldata__address address = {.host = "127.0.0.1", .port = 9003};
    static const alldata__address seed = {.host = "127.0.0.1", .port = 9001};
    const alldata__membership_config config = {.id = "ad\xC3\xA9",
                                               .address = &address,
                                               .seeds = &seed,
                                               .seed_count = 1,
                                               .round_ns = 1000000000,
                                               .forget_ns = 3000000000,
                                               .max_peers = 8,
                                               .send = take,
                                               .random = draw};
    alldata__now now = {.ns = 1000000000000, .wall_ms = 1795222614995};
    alldata__membership *node = NULL;
    alldata__news news;
    chance = size;
    HOLDS(alldata__membership_new(&repli__mem_default, &config, now, &node, NULL) == REPLI_OK);
    HOLDS(alldata__membership_set(node, now, "k", "\"\xC3\xA9\"", 4, NULL) == REPLI_OK);
    fuzz_input input = FUZZ_INPUT(data, size);
    for (int frames = 0; input.size > 0 && frames < 32; frames++) {
        size_t length;
        const char *frame = fuzz_text(&input, &length);
        alldata__membership_receive(node, now, frame, length);
        expect_bounds(node);
        now.ns += 700000000 + (length % 7) * 900000000;
        now.wall_ms += 700;
        alldata__membership_tick(node, now);
        HOLDS(alldata__membership_due_ns(node) >= now.ns);
        for (int i = 0; i < 1000 && alldata__membership_news(node, &news); i++)
            HOLDS(news.peer != NULL && (news.kind == ALLDATA__TOLD_KEY) == (news.entry != NULL));
        expect_bounds(node);
    }
    fuzz_input_end(&input);
    alldata__membership_free(node);
    return 0;
}
