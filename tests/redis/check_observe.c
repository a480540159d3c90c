/* run.sh timeout: 300, run.sh takes: 45 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers.h"

static void up(void) {
    servers_up(2, 1);
}

/* Roles. */

START_TEST(primary_and_replica_are_told_apart) {
    servers_cli(1, "set one 1");
    servers_cli_until(2, "db0:keys=1", "info keyspace");
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    const int32_t roles[2] = {REPLI_ROLE_PRIMARY, REPLI_ROLE_SECONDARY};
    const char *version = shell("redis-server --version | sed 's/.* v=\\([0-9.]*\\).*/\\1/'");
    char number[32], address[32];
    snprintf(number, sizeof(number), "%s", version);
    for (int i = 0; i < 2; i++) {
        repli_snapshot *seen = look_for(agents[i], REPLI_STATUS_HEALTHY, 10);
        const repli_node *node = repli_snapshot_node(seen);
        const repli_shard *shard = shard_of(seen);
        snprintf(address, sizeof(address), "127.0.0.1:%d", the_servers.port + i + 1);
        ck_assert_str_eq(node->store_version.number, number);
        ck_assert_str_eq(node->store_id, "redis");
        ck_assert_str_eq(node->addresses[0].address, address);
        ck_assert_str_eq(repli_snapshot_store(seen, NULL)->cluster_id, "scratch");
        ck_assert_ptr_nonnull(shard);
        ck_assert_str_eq(shard->id, "scratch");
        ck_assert_int_eq(shard->role, roles[i]);
        ck_assert_str_eq(shard->commit_offset_unit, "bytes");
        ck_assert_int_gt(shard->commit_offset, 0);
        ck_assert(i == 0 ? shard->lag_unit == NULL : strcmp(shard->lag_unit, "bytes") == 0);
        assert_attribute(seen, "mode", "replication");
        assert_attribute(seen, "keys", "1");
        ck_assert_int_eq((int)strlen(attribute_of(seen, "replication_id")->string), 40);
        if (i == 0) {
            assert_attribute(seen, "followers", "1");
            assert_attribute(seen, "failover_state", "no-failover");
            ck_assert_ptr_null(attribute_of(seen, "primary"));
        } else {
            snprintf(address, sizeof(address), "127.0.0.1:%d", the_servers.port + 1);
            assert_attribute(seen, "primary", address);
            assert_attribute(seen, "primary_link", "up");
        }
        repli_snapshot_unref(seen);
        agent_stop(agents[i]);
    }
}
END_TEST

START_TEST(a_replica_that_does_not_apply_lags) {
    repli_agent *agent = agent_start(2, NULL);
    servers_cli(2, "client pause 60000 write");
    servers_cli(1, "set big \"$(head -c 30000 /dev/zero | tr '\\0' x)\"");
    const int64_t end = now_ms() + 20000;
    for (int64_t lag = 0; lag < 30000;) {
        repli_snapshot *seen = look(agent);
        lag = shard_of(seen)->lag_unit ? shard_of(seen)->lag : 0;
        ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
        ck_assert_msg(now_ms() < end, "the lag is only %lld", (long long)lag);
        repli_snapshot_unref(seen);
    }
    servers_cli(2, "client unpause");
    agent_stop(agent);
}
END_TEST

START_TEST(a_lost_primary_shows_on_the_replica) {
    repli_agent *agent = agent_start(2, NULL);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 10));
    servers_do("crash", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 20);
    assert_reason(seen, "link to the primary 127.0.0.1:");
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_OTHER);
    ck_assert_str_eq(shard_of(seen)->role_reason, "replica without primary");
    ck_assert_ptr_null(shard_of(seen)->lag_unit);
    repli_snapshot_unref(seen);
    servers_do("start", 1);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

START_TEST(two_that_follow_each_other_are_unhealthy) {
    repli_agent *agent = agent_start(1, NULL);
    servers_cli(1, "replicaof 127.0.0.1 %d", the_servers.port + 2);
    servers_cli_until(1, "master_link_status:up", "info replication");
    servers_cli_until(1, "slave0:", "info replication");
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 20);
    assert_reason(seen, "follow each other: there is no primary");
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(a_failover_is_seen) {
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    for (int i = 0; i < 2; i++)
        repli_snapshot_unref(look_for(agents[i], REPLI_STATUS_HEALTHY, 10));
    ck_assert_str_eq(servers_cli(1, "failover"), "OK");
    /* Nobody asks the agents to look: they do by themselves. */
    const int32_t roles[2] = {REPLI_ROLE_SECONDARY, REPLI_ROLE_PRIMARY};
    const int64_t end = now_ms() + 20000;
    for (int i = 0; i < 2;) {
        repli_snapshot *seen = latest(agents[i]);
        const repli_shard *shard = shard_of(seen);
        i += shard && shard->role == roles[i];
        ck_assert_msg(now_ms() < end, "the agents did not see the failover");
        repli_snapshot_unref(seen);
        pause_ms(20);
    }
    for (int i = 0; i < 2; i++)
        agent_stop(agents[i]);
}
END_TEST

/* Loading and copying. */

START_TEST(loading_is_unhealthy_and_recovering) {
    servers_cli(1, "debug populate 4000 key 500");
    servers_cli(1, "config set key-load-delay 1000 loading-process-events-interval-bytes 1024");
    servers_cli(1, "config rewrite");
    servers_cli(1, "bgrewriteaof");
    servers_cli_until(1, "aof_rewrite_in_progress:0", "info persistence");
    repli_agent *agent = agent_start(1, NULL);
    servers_do("crash", 1);
    servers_do("start", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 10);
    assert_reason(seen, "is loading its data");
    ck_assert_ptr_nonnull(shard_of(seen));
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_RECOVERING);
    repli_snapshot_unref(seen);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 60));
    agent_stop(agent);
}
END_TEST

START_TEST(a_first_copy_is_joining) {
    servers_cli(1, "debug populate 4000 key 500");
    servers_cli(1, "config set rdb-key-save-delay 2000");
    repli_agent *agent = agent_start(3, NULL);
    servers_cli(3, "replicaof 127.0.0.1 %d", the_servers.port + 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_JOINING_CLUSTER, 20);
    assert_reason(seen, "is being copied");
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_RECOVERING);
    repli_snapshot_unref(seen);
    servers_cli(1, "config set rdb-key-save-delay 0");
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 60));
    agent_stop(agent);
}
END_TEST

START_TEST(a_failed_save_is_a_fault) {
    servers_cli(1, "debug populate 4000 key 500");
    servers_cli(1, "config set rdb-key-save-delay 100000");
    servers_cli(1, "bgsave");
    servers_cli_until(1, "rdb_bgsave_in_progress:1", "info persistence");
    shell("kill -9 $(ps -o pid= --ppid $(cat %s/n1/pid))", the_servers.directory);
    servers_cli_until(1, "rdb_last_bgsave_status:err", "info persistence");
    repli_agent *agent = agent_start(1, NULL);
    assert_status(agent, REPLI_STATUS_UNHEALTHY, "the last background save failed");
    agent_stop(agent);
}
END_TEST

START_TEST(a_lone_primary_is_what_the_configuration_says) {
    repli_agent *agent = agent_start(3, NULL);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    agent_stop(agent);
    agent = agent_start(3, &(options){.more = ",\"lone_primary\":\"not_in_cluster\""});
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    agent_stop(agent);
    agent = agent_start(1, &(options){.more = ",\"lone_primary\":\"not_in_cluster\""});
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    agent_stop(agent);
}
END_TEST

/* Failures. */

START_TEST(refused_credentials_are_unknown_and_named) {
    repli_agent *agent = agent_start(1, &(options){.password = "wrong"});
    assert_status(agent, REPLI_STATUS_UNKNOWN, "authentication failed");
    agent_stop(agent);
    servers_cli(1, "acl setuser blind on '>pw' -@all +client");
    agent = agent_start(1, &(options){.user = "blind", .password = "pw"});
    assert_status(agent, REPLI_STATUS_UNKNOWN, "missing privilege");
    /* A right that is given later counts at the next look. */
    servers_cli(1, "acl setuser blind +info");
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

START_TEST(a_server_that_is_down_is_unavailable_and_known) {
    repli_agent *agent = agent_start(1, NULL);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 10));
    servers_do("stop", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNAVAILABLE, 20);
    assert_reason(seen, "cannot connect to Redis at 127.0.0.1:");
    ck_assert_ptr_nonnull(repli_snapshot_node(seen)->store_version.number);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_shards(seen, &error));
    ck_assert_int_eq(error.code, REPLI_EREFUSED);
    repli_snapshot_unref(seen);
    servers_do("start", 1);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

START_TEST(a_server_that_hangs_is_unavailable_by_the_deadline) {
    repli_agent *agent = agent_start(1, &(options){.timeout_ms = 500});
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 10));
    servers_do("pause", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNAVAILABLE, 20);
    assert_reason(seen, "no answer by the deadline");
    repli_snapshot_unref(seen);
    servers_do("resume", 1);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

/* A server of some other kind, which answers each command with what it says. */
typedef struct stranger {
    int fd;
    int port;
    const char *says;
    pthread_t thread;
} stranger;

static void *answer_all(void *argument) {
    const stranger *self = argument;
    for (int fd; (fd = accept(self->fd, NULL, NULL)) >= 0; close(fd)) {
        char data[1024];
        ssize_t got;
        while ((got = recv(fd, data, sizeof(data), 0)) > 0)
            for (ssize_t i = 0; i < got; i++)
                if (data[i] == '*' && send(fd, self->says, strlen(self->says), MSG_NOSIGNAL) < 0)
                    break;
    }
    return NULL;
}

static void stranger_begin(stranger *self, const char *says) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    self->says = says;
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(self->fd, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(self->fd, 8), 0);
    ck_assert_int_eq(getsockname(self->fd, (struct sockaddr *)&address, &size), 0);
    self->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&self->thread, NULL, answer_all, self), 0);
}

static void stranger_end(stranger *self) {
    shutdown(self->fd, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->fd);
}

START_TEST(what_makes_no_sense_is_unknown) {
    static const struct {
        const char *says, *reason;
    } cases[] = {{"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak the protocol"},
                 {"*2\r\n:1\r\n:2\r\n", "is no Redis"},
                 {"$-1\r\n", "is no Redis"},
                 {"$5\r\nhello\r\n", "tells no run_id or no role"},
                 {"$31\r\nrun_id:1\r\nredis_mode:sentinel\r\n\r\n", "is a Sentinel"},
                 {"+OK\r\n+OK\r\n$8\r\nrun_id:\xff\r\n", "tells no run_id or no role"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static stranger other;
        stranger_begin(&other, cases[i].says);
        repli_agent *agent = agent_start(3, &(options){.port = other.port});
        repli_snapshot *seen = look(agent);
        ck_assert_int_eq(repli_snapshot_node(seen)->status, REPLI_STATUS_UNKNOWN);
        assert_reason(seen, cases[i].reason);
        repli_snapshot_unref(seen);
        agent_stop(agent);
        stranger_end(&other);
    }
}
END_TEST

START_TEST(a_socket_in_the_file_system_will_do) {
    char more[200];
    servers_do("stop", 1);
    shell("echo 'unixsocket %s/n1/sock' >> %s/n1/redis.conf", the_servers.directory,
          the_servers.directory);
    servers_do("start", 1);
    snprintf(more, sizeof(more), ",\"unix_socket\":\"%s/n1/sock\",\"member\":\"a.example:6379\"",
             the_servers.directory);
    repli_agent *agent = agent_start(1, &(options){.port = 1, .more = more});
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 20);
    const repli_node *node = repli_snapshot_node(seen);
    ck_assert_uint_eq(node->address_count, 1);
    ck_assert_str_eq(node->addresses[0].name, "member");
    ck_assert_str_eq(node->addresses[0].address, "a.example:6379");
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("redis observe");
    TCase *tests = tcase_create("replication");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, up, servers_down);
    tcase_add_test(tests, primary_and_replica_are_told_apart);
    tcase_add_test(tests, a_replica_that_does_not_apply_lags);
    tcase_add_test(tests, a_lost_primary_shows_on_the_replica);
    tcase_add_test(tests, two_that_follow_each_other_are_unhealthy);
    tcase_add_test(tests, a_failover_is_seen);
    tcase_add_test(tests, loading_is_unhealthy_and_recovering);
    tcase_add_test(tests, a_first_copy_is_joining);
    tcase_add_test(tests, a_failed_save_is_a_fault);
    tcase_add_test(tests, a_lone_primary_is_what_the_configuration_says);
    tcase_add_test(tests, refused_credentials_are_unknown_and_named);
    tcase_add_test(tests, a_server_that_is_down_is_unavailable_and_known);
    tcase_add_test(tests, a_server_that_hangs_is_unavailable_by_the_deadline);
    tcase_add_test(tests, what_makes_no_sense_is_unknown);
    tcase_add_test(tests, a_socket_in_the_file_system_will_do);
    suite_add_tcase(suite, tests);
    return run_redis_suite(suite);
}
