#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "config_keys.h"
#include "problems.h"
#include "program.h"

static char directory[64], path[96];

static void setup(void) {
    strcpy(directory, "/tmp/replicante-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/a.yaml", directory);
    program_write_file(path, "");
    ck_assert_int_eq(chmod(path, 0600), 0);
    unsetenv("RA_NODE_ID");
    unsetenv("RA_NODE_ADDR_CLIENT");
    unsetenv("RA_NODE_ADDR_MEMBER");
}

static void teardown(void) {
    char other[96];
    snprintf(other, sizeof(other), "%s/secret", directory);
    unlink(other);
    unlink(path);
    rmdir(directory);
}

/* All problems, one a line, without the directory. */
static char *text_of(struct problems *problems) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    problems_print(problems, to);
    fclose(to);
    const size_t prefix = strlen(directory) + 1;
    for (char *at = text; (at = strstr(at, directory)) != NULL;)
        memmove(at, at + prefix, strlen(at + prefix) + 1);
    return text;
}

static struct config *load(const char *yaml, char **ret_problems) {
    program_write_file(path, yaml);
    struct problems problems;
    problems_init(&problems, path);
    struct config *config = config_load(path, &problems);
    ck_assert_int_eq(config == NULL, problems.errors > 0);
    *ret_problems = text_of(&problems);
    problems_dispose(&problems);
    return config;
}

/* A configuration that would be good but for what is in the text. Line 4 is the text's first. */
static char *with_head(const char *text) {
    char *yaml;
    ck_assert_int_gt(asprintf(&yaml, "node_id: n\ndriver: fake\ndriver_dir: \"%s\"\n%s",
                              program_build_path("drivers"), text),
                     0);
    return yaml;
}

static struct config *load_good(const char *text) {
    char *yaml = with_head(text), *problems;
    struct config *config = load(yaml, &problems);
    ck_assert_str_eq(problems, "");
    ck_assert_ptr_nonnull(config);
    free(problems);
    free(yaml);
    return config;
}

static const struct mistake {
    const char *text, *problem;
} mistakes[] = {
    /* Unknown keys, with what was probably meant. */
    {"node_idd: x\n", "a.yaml:4:1: unknown key \"node_idd\"; did you mean \"node_id\"?"},
    {"http:\n  bnid: x\n", "a.yaml:5:3: unknown key \"http.bnid\"; did you mean \"http.bind\"?"},
    {"bind: x\n", "a.yaml:4:1: unknown key \"bind\"; did you mean \"http.bind\"?"},
    {"zzzzzz: x\n",
     "a.yaml:4:1: unknown key \"zzzzzz\"; repliagent.yaml(5) names all that there are"},
    {"http.bind: x\n", "a.yaml:4:1: \"http.bind\" is written as sections: each part on a line of "
                       "its own, indented"},
    {"fake:\n  statsu: healthy\n",
     "a.yaml:5:3: unknown key \"fake.statsu\"; did you mean \"fake.status\"?"},
    {"other: {host: x}\n",
     "a.yaml:4:1: unknown key \"other\"; repliagent.yaml(5) names all that there are"},
    {"telemetry:\n  logs:\n    levle: info\n",
     "a.yaml:6:5: unknown key \"telemetry.logs.levle\"; did you mean \"telemetry.logs.level\"?"},
    /* A key may be anything, and must not take over the terminal. */
    {"\"a\\e[31m\\nb\": x\n",
     "a.yaml:4:1: unknown key \"a?[31m?b\"; repliagent.yaml(5) names all that there are"},
    {"<<: {}\n", "a.yaml:4:1: unknown key \"<<\"; repliagent.yaml(5) names all that there are"},

    /* Values of the wrong type or out of bounds. */
    {"http:\n  max_connections: many\n",
     "a.yaml:5:20: http.max_connections: found \"many\", expected a whole number from 1 to 65535 "
     "(connections at the same time)"},
    {"http:\n  max_connections: 0\n",
     "a.yaml:5:20: http.max_connections: found \"0\", expected a whole number from 1 to 65535 "
     "(connections at the same time)"},
    {"http:\n  max_connections: 99999999999999999999\n",
     "a.yaml:5:20: http.max_connections: found \"99999999999999999999\", expected a whole number "
     "from 1 to 65535 (connections at the same time)"},
    {"http:\n  max_connections: 1.5\n",
     "a.yaml:5:20: http.max_connections: found \"1.5\", expected a whole number from 1 to 65535 "
     "(connections at the same time)"},
    {"http:\n  max_connections: [1]\n",
     "a.yaml:5:20: http.max_connections: found a list, expected a whole number from 1 to 65535 "
     "(connections at the same time)"},
    {"http:\n  tls: {enabled: yes}\n",
     "a.yaml:5:18: http.tls.enabled: found \"yes\", expected true or false (false: no TLS although "
     "a certificate is given)"},
    {"http:\n  writes: sometimes\n",
     "a.yaml:5:11: http.writes: found \"sometimes\", expected one of auto, always, never (who may "
     "schedule and cancel actions over TCP)"},
    {"http:\n  bind: \"8000\"\n",
     "a.yaml:5:9: http.bind: \"8000\" is no address to listen on: write host:port, such as "
     "localhost:8000, 0.0.0.0:8000 or [::]:8000"},
    {"http:\n  bind: 127.0.0.1:65536\n  health_bind: \"::1:80\"\n",
     "a.yaml:5:9: http.bind: \"127.0.0.1:65536\" is no address to listen on: write host:port, such "
     "as localhost:8000, 0.0.0.0:8000 or [::]:8000\n"
     "a.yaml:6:16: http.health_bind: \"::1:80\" is no address to listen on: write host:port, such "
     "as localhost:8000, 0.0.0.0:8000 or [::]:8000"},
    {"store_path: {a: b}\n",
     "a.yaml:4:13: store_path: found a section, expected a text (file of the database of actions; "
     "made if it is missing)"},
    {"store_path: [a]\n",
     "a.yaml:4:13: store_path: found a list, expected a text (file of the database of actions; "
     "made if it is missing)"},
    {"version:\n  command: cat\n",
     "a.yaml:5:12: version.command: found \"cat\", expected a list of texts, such as [one, \"and "
     "two\"] (command that prints the store's version while the store is down)"},
    {"version:\n  command: [cat, [x]]\n",
     "a.yaml:5:18: version.command: found an element that is not a text, expected a list of texts, "
     "such as [one, \"and two\"] (command that prints the store's version while the store is "
     "down)"},
    {"http: 8000\n", "a.yaml:4:7: http: found a value, expected a section: its keys below it, "
                     "indented"},
    {"http: [a]\n", "a.yaml:4:7: http: found a list, expected a section: its keys below it, "
                    "indented"},
    {"fake:\n  status: fine\n",
     "a.yaml:5:11: fake.status: found \"fine\", expected one of unavailable, not_in_cluster, "
     "joining, leaving, unhealthy, healthy, unknown (status of the node)"},
    {"fake:\n  password: [secret]\n",
     "a.yaml:5:13: fake.password: found something else, expected a text (a secret that is good for "
     "nothing)"},
    {"http:\n  unix_mode: 9\n", "a.yaml:5:14: http.unix_mode: found \"9\", expected permissions in "
                                "octal, such as 0660"},
    {"http:\n  unix_mode: 7777\n", "a.yaml:5:14: http.unix_mode: found \"7777\", expected "
                                   "permissions in octal, such as 0660"},
    {"http:\n  bind: \"\"\n", "a.yaml:5:9: http.bind is empty and http.unix_socket is not set: "
                              "nobody could reach the agent"},

    /* TLS that would not be. */
    {"http:\n  tls:\n    server_private_cert: /c\n",
     "a.yaml:6:26: http.tls.server_private_cert needs http.tls.server_private_key"},
    {"http:\n  tls:\n    server_private_key: /c\n",
     "a.yaml:6:25: http.tls.server_private_key needs http.tls.server_private_cert"},
    {"http:\n  tls:\n    client_ca_bundle: /c\n",
     "a.yaml:6:23: http.tls.client_ca_bundle needs http.tls.server_private_cert and "
     "http.tls.server_private_key: without them there is no TLS"},
    {"http:\n  tls:\n    server_private_cert: /none/c\n    server_private_key: /none/k\n",
     "a.yaml:6:26: http.tls.server_private_cert: cannot use \"/none/c\": No such file or "
     "directory\na.yaml:7:25: http.tls.server_private_key: cannot use \"/none/k\": No such file or "
     "directory"},

    /* What YAML offers and a configuration has no use for. */
    {"store_path: a\nstore_path: b\n",
     "a.yaml:5:1: the key \"store_path\" is there twice, first in line 4: remove one"},
    {"http:\n  bind: a\n  bind: b\n",
     "a.yaml:6:3: the key \"bind\" is there twice, first in line 5: remove one"},
    {"store_path: &a b\n", "a.yaml:4:13: found the anchor \"&a\": anchors are not supported"},
    {"store_path: *a\n",
     "a.yaml:4:13: found the alias \"*a\": aliases are not supported, write the value out"},
    {"store_path: !!str b\n", "a.yaml:4:13: found the tag \"tag:yaml.org,2002:str\": tags are not "
                              "supported; quote a value to make it text"},
    {"store_path: \"a\\0b\"\n", "a.yaml:4:13: found a NUL character, which no value may contain"},
    {"[a, b]: c\n", "a.yaml:4:1: found a list where a key was expected"},
    {"--- \nnode_id: b\n",
     "a.yaml:4:1: a second document begins here: a configuration is a single one"},
    {"store_path: [a\n", "a.yaml:5:1: not valid YAML: while parsing a flow sequence, did not find "
                         "expected ',' or ']'"},
    {"\tstore_path: a\n", "a.yaml:4:1: not valid YAML: while scanning for the next token, found "
                          "character that cannot start any token"},
    {"version: {command: "
     "[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]}\n",
     "a.yaml:4:34: more than 16 levels of sections and lists"},

    /* Secrets from files. */
    {"fake:\n  password_file: /none\n",
     "a.yaml:5:18: fake.password_file: cannot use \"/none\": No such file or directory"},
    {"fake:\n  password: a\n  password_file: b\n",
     "a.yaml:6:3: fake.password is given both here and in line 5: the value itself and its file "
     "exclude each other"},
    {"fake:\n  password_file: [a]\n",
     "a.yaml:5:18: fake.password_file: expected the path of a file"},
    {"fake:\n  status_file: a\n",
     "a.yaml:5:3: unknown key \"fake.status_file\"; did you mean \"fake.calls_file\"?"},

    /* All of them, in the order of the file. */
    {"http:\n  max_body: a\nzzzzzz: 1\nhttps: 1\n",
     "a.yaml:5:13: http.max_body: found \"a\", expected a whole number from 1024 to 1073741824 "
     "(bytes a request's body may have)\n"
     "a.yaml:6:1: unknown key \"zzzzzz\"; repliagent.yaml(5) names all that there are\n"
     "a.yaml:7:1: unknown key \"https\"; repliagent.yaml(5) names all that there are"},
};

START_TEST(names_the_mistake) {
    const struct mistake *mistake = &mistakes[_i];
    char *yaml = with_head(mistake->text), *problems, *expected;
    ck_assert_ptr_null(load(yaml, &problems));
    ck_assert_int_gt(asprintf(&expected, "%s\n", mistake->problem), 0);
    ck_assert_str_eq(problems, expected);
    free(expected);
    free(problems);
    free(yaml);
}
END_TEST

/* Mistakes without the usual head. */
static void expect(const char *yaml, const char *problem) {
    char *problems;
    ck_assert_ptr_null(load(yaml, &problems));
    ck_assert_msg(strstr(problems, problem) != NULL, "not \"%s\" in:\n%s", problem, problems);
    free(problems);
}

START_TEST(names_what_is_missing) {
    expect("", "a.yaml: driver is missing: name of the driver, or absolute path of its file\n");
    expect("~\n", "a.yaml: node_id is missing: name of this node, unique within its cluster\n");
    expect("# nothing\n", "a.yaml: driver is missing");
    expect("node_id: n\n", "a.yaml: driver is missing");
    expect("node_id: n\ndriver: ~\n", "a.yaml: driver is missing");
    expect("driver: fake\n", "a.yaml: node_id is missing");
}
END_TEST

START_TEST(names_what_is_no_section) {
    expect("just text\n", "a.yaml:1:1: found a single value where keys with values were expected");
    expect("- a\n- b\n", "a.yaml:1:1: found a list where keys with values were expected");
    expect("a: \xFF\n", "is not valid text");
}
END_TEST

START_TEST(names_a_driver_that_is_not_there) {
    /* Its section is not blamed for what nobody can know. */
    expect("node_id: n\ndriver: nosuch\ndriver_dir: /none\nnosuch: {a: b}\n",
           "a.yaml:2:9: driver: ");
    char *problems;
    ck_assert_ptr_null(
        load("node_id: n\ndriver: nosuch\ndriver_dir: /none\nnosuch: {a: b}\n", &problems));
    ck_assert_ptr_null(strstr(problems, "unknown key"));
    ck_assert_ptr_nonnull(strstr(problems, "nosuch"));
    free(problems);

    ck_assert_ptr_null(
        load("node_id: n\ndriver: /none/driver_nosuch.so\nnosuch: {a: b}\n", &problems));
    ck_assert_ptr_null(strstr(problems, "unknown key"));
    ck_assert_ptr_nonnull(strstr(problems, "nosuch"));
    free(problems);
}
END_TEST

START_TEST(names_a_certificate_that_is_none) {
    char secret[96], *yaml, *problems;
    snprintf(secret, sizeof(secret), "%s/secret", directory);
    program_write_file(secret, "rubbish");
    ck_assert_int_eq(chmod(secret, 0600), 0);
    ck_assert_int_gt(asprintf(&yaml,
                              "http:\n  tls:\n    server_private_cert: %s\n"
                              "    server_private_key: %s\n",
                              secret, secret),
                     0);
    char *whole = with_head(yaml);
    ck_assert_ptr_null(load(whole, &problems));
    static const char expected[] = "a.yaml:6:26: http.tls.server_private_cert: the TLS "
                                   "certificate cannot be read as PEM";
    ck_assert_msg(strncmp(problems, expected, sizeof(expected) - 1) == 0, "%s", problems);
    free(problems);
    free(whole);
    free(yaml);
}
END_TEST

START_TEST(a_file_that_cannot_be_read) {
    struct problems problems;
    problems_init(&problems, "/none/a.yaml");
    ck_assert_ptr_null(config_load("/none/a.yaml", &problems));
    char *text = text_of(&problems);
    ck_assert_str_eq(text, "/none/a.yaml: cannot read the configuration: No such file or "
                           "directory\n");
    free(text);
    problems_dispose(&problems);

    char *large = malloc(300 * 1024);
    memset(large, '#', 300 * 1024);
    large[300 * 1024 - 1] = '\0';
    expect(large, "cannot read the configuration: it has more than 262144 bytes");
    free(large);
}
END_TEST

START_TEST(takes_values) {
    struct config *config = load_good("http:\n"
                                      "  bind: 127.0.0.1:0\n"
                                      "  unix_socket: /tmp/x\n"
                                      "  unix_mode: 0660\n"
                                      "  health_bind: ~\n"
                                      "  writes: NEVER\n"
                                      "  max_connections: 12\n"
                                      "  max_body: 2048\n"
                                      "  client_request_timeout: 100\n"
                                      "  keep_alive: 200\n"
                                      "telemetry: {logs: {level: DEBUG, mode: json}}\n"
                                      "stop_timeout: 7\n"
                                      "version: {command: [cat, 1, 'a b']}\n"
                                      "actions: ~\n"
                                      "fake:\n"
                                      "  status: Healthy\n"
                                      "  offset: -42\n"
                                      "  hang: false\n");
    ck_assert_str_eq(config->http.bind, "127.0.0.1:0");
    ck_assert_str_eq(config->http.unix_path, "/tmp/x");
    ck_assert_uint_eq(config->http.unix_mode, 0660);
    ck_assert_ptr_null(config->http.health_bind);
    ck_assert_int_eq(config->http.writes, REPLI_HTTP_WRITES_NEVER);
    ck_assert_uint_eq(config->http.max_connections, 12);
    ck_assert_uint_eq(config->http.max_body, 2048);
    ck_assert_uint_eq(config->http.request_timeout_ms, 100);
    ck_assert_uint_eq(config->http.keep_alive_ms, 200);
    ck_assert_ptr_null(config->http.tls_cert_pem);
    ck_assert_int_eq(config->log_level, REPLI_LOG_DEBUG);
    ck_assert_str_eq(config->log_mode, "json");
    ck_assert_int_eq(config->stop_timeout_ms, 7000);
    ck_assert_str_eq(settings_text(&config->all, "fake.status"), "healthy");
    ck_assert_int_eq(settings_find(&config->all, "fake.offset")->number, -42);
    const struct setting *command = settings_find(&config->all, "version.command");
    ck_assert_uint_eq(command->item_count, 3);
    ck_assert_str_eq(command->items[2], "a b");
    config_free(config);
}
END_TEST

START_TEST(has_defaults) {
    struct config *config = load_good("");
    ck_assert_str_eq(config->http.bind, "localhost:8000");
    ck_assert_ptr_null(config->http.unix_path);
    ck_assert_uint_eq(config->http.unix_mode, 0600);
    ck_assert_int_eq(config->http.writes, REPLI_HTTP_WRITES_AUTO);
    ck_assert_int_eq(config->log_level, REPLI_LOG_INFO);
    ck_assert_str_eq(config->log_mode, "auto");
    ck_assert_str_eq(settings_text(&config->all, "store_path"), "agent.db");
    ck_assert_int_eq(settings_find(&config->all, "actions.clean_age")->number, 14);
    ck_assert_int_eq(settings_find(&config->all, "actions.execute_interval")->number, 10);
    ck_assert_int_eq(config->stop_timeout_ms, 30000);
    config_free(config);
}
END_TEST

START_TEST(environment_wins) {
    setenv("RA_NODE_ID", "from-environment", 1);
    setenv("RA_NODE_ADDR_CLIENT", "c:1", 1);
    setenv("RA_NODE_ADDR_MEMBER", "", 1);
    struct config *config = load_good("address: {client: file:1, member: file:2}\n");
    ck_assert_str_eq(settings_text(&config->all, "node_id"), "from-environment");
    ck_assert_str_eq(settings_text(&config->all, "address.client"), "c:1");
    ck_assert_str_eq(settings_text(&config->all, "address.member"), "file:2");
    config_free(config);
}
END_TEST

static char *secret_path(const char *content, mode_t mode) {
    char *secret;
    ck_assert_int_gt(asprintf(&secret, "%s/secret", directory), 0);
    program_write_file(secret, content);
    ck_assert_int_eq(chmod(secret, mode), 0);
    return secret;
}

static char *with_secret(const char *content, mode_t mode) {
    char *secret = secret_path(content, mode), *text;
    ck_assert_int_gt(asprintf(&text, "fake:\n  password_file: \"%s\"\n", secret), 0);
    free(secret);
    return text;
}

START_TEST(takes_a_secret_from_a_file) {
    static const char *const contents[] = {"s3cret", "s3cret\n", "s3cret\r\n"};
    for (size_t i = 0; i < 3; i++) {
        char *text = with_secret(contents[i], 0600);
        struct config *config = load_good(text);
        ck_assert_str_eq(settings_text(&config->all, "fake.password"), "s3cret");
        config_free(config);
        free(text);
    }
}
END_TEST

START_TEST(refuses_a_secret_that_all_can_read) {
    char *text = with_secret("s3cret", 0644), *yaml = with_head(text), *problems;
    ck_assert_ptr_null(load(yaml, &problems));
    ck_assert_ptr_nonnull(strstr(problems, "a.yaml:5:18: fake.password_file: cannot use"));
    ck_assert_ptr_nonnull(strstr(problems, "(mode 644): run chmod o-rwx on it"));
    free(problems);
    free(yaml);
    free(text);
}
END_TEST

START_TEST(refuses_an_empty_secret) {
    char *text = with_secret("\n", 0600), *yaml = with_head(text), *problems;
    ck_assert_ptr_null(load(yaml, &problems));
    ck_assert_ptr_nonnull(strstr(problems, "it is empty"));
    free(problems);
    free(yaml);
    free(text);
}
END_TEST

START_TEST(warns_of_a_secret_in_a_public_file) {
    char *yaml = with_head("fake:\n  password: s3cret\n"), *problems;
    program_write_file(path, yaml);
    ck_assert_int_eq(chmod(path, 0644), 0);
    struct config *config = load(yaml, &problems);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(problems,
                     "warning: a.yaml:5:13: fake.password is a secret, and every user of this "
                     "machine can read this file: run chmod o-r on it, or use "
                     "fake.password_file\n");
    ck_assert_ptr_null(strstr(problems, "s3cret"));
    config_free(config);
    free(problems);
    free(yaml);
}
END_TEST

static char *print(const struct config *config) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    settings_print(&config->all, to);
    fclose(to);
    return text;
}

/* Lines without the comments. */
static char *values_of(const char *text) {
    char *values = calloc(1, strlen(text) + 1), *to = values;
    for (const char *line = text; *line != '\0';) {
        const char *end = strchrnul(line, '\n'), *comment = memchr(line, '#', (size_t)(end - line));
        const size_t size = (size_t)((comment != NULL ? comment : end) - line);
        memcpy(to, line, size);
        to += size;
        *to++ = '\n';
        line = *end == '\n' ? end + 1 : end;
    }
    return values;
}

/* Actions that are done by commands, and the service. */
START_TEST(names_mistakes_in_commands) {
    static const struct mistake commands[] = {
        {"actions: {external: {a: {check: [true]}}}\n",
         "a.yaml:4:22: actions.external.a.action is missing: command that does the work, or starts "
         "it\n"},
        {"actions: {external: {a: {action: true}}}\n",
         "a.yaml:4:34: actions.external.a.action: found \"true\", expected a list of texts, such "
         "as "
         "[one, \"and two\"] (command that does the work, or starts it)\n"},
        {"actions: {external: {a: {action: []}}}\n",
         "a.yaml:4:34: actions.external.a: the action command of the external action \"a\" names "
         "no "
         "program\n"},
        {"actions: {external: {a: {action: [true], chek: [true]}}}\n",
         "a.yaml:4:42: unknown key \"actions.external.a.chek\"; did you mean "
         "\"actions.external.a.check\"?\n"},
        {"actions: {external: [true]}\n",
         "a.yaml:4:21: actions.external: found a list, expected a section: its keys below it, "
         "indented\n"},
        {"service: {start: [true], stop: [true]}\n",
         "a.yaml:4:32: a service is either service.unit, or all of service.pid, service.start and "
         "service.stop\n"},
        {"service: {unit: a.service, stop: [true]}\n",
         "a.yaml:4:34: a service is either service.unit, or all of service.pid, service.start and "
         "service.stop\n"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char *yaml = with_head(commands[i].text), *problems;
        ck_assert_ptr_null(load(yaml, &problems));
        ck_assert_str_eq(problems, commands[i].problem);
        free(problems);
        free(yaml);
    }
}
END_TEST

START_TEST(warns_of_a_command_that_is_not_there) {
    char *yaml = with_head("actions: {external: {a: {action: [no-such-program]}}}\n"
                           "service: {pid: [cat], start: [/no/such], stop: [true]}\n");
    char *problems;
    struct config *config = load(yaml, &problems);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(problems,
                     "warning: a.yaml:4:34: actions.external.a.action: there is no program "
                     "\"no-such-program\" at present\n"
                     "warning: a.yaml:5:30: service.start: there is no program \"/no/such\" at "
                     "present\n");
    config_free(config);
    free(problems);
    free(yaml);
}
END_TEST

START_TEST(takes_external_actions) {
    struct config *config =
        load_good("actions:\n  external:\n    b-1: {action: [true], timeout_ms: 5}\n"
                  "    a: {action: [sh, -c, \"exit 0\"], check: [true], summary: Try}\n");
    ck_assert_str_eq(settings_find(&config->all, "actions.external.a.action")->items[2], "exit 0");
    ck_assert_int_eq(settings_find(&config->all, "actions.external.b-1.timeout_ms")->number, 5);
    config_free(config);
    config_free(load_good("actions: {external: {}}\n"));
    config_free(load_good("actions: {external: ~}\n"));
}
END_TEST

START_TEST(prints_what_could_be_read_again) {
    char *secret = secret_path("s3cret", 0600), *text;
    ck_assert_int_gt(asprintf(&text,
                              "http: {bind: \"a\\\"b\\\\:1\", writes: never}\n"
                              "version: {command: [cat, \"a\\nb\"]}\n"
                              "fake: {password_file: \"%s\", offset: 5}\n",
                              secret),
                     0);
    struct config *config = load_good(text);
    char *printed = print(config), *problems;
    ck_assert_ptr_null(strstr(printed, "s3cret"));
    ck_assert_ptr_nonnull(strstr(printed, "  bind: \"a\\\"b\\\\:1\""));
    ck_assert_ptr_nonnull(strstr(printed, "# line 4\n"));
    ck_assert_ptr_nonnull(strstr(printed, "# default\n"));
    ck_assert_ptr_nonnull(strstr(printed, "# not set\n"));

    struct config *again = load(printed, &problems);
    ck_assert_str_eq(problems, "");
    char *printed_again = print(again);
    char *values = values_of(printed), *values_again = values_of(printed_again);
    ck_assert_str_eq(values, values_again);
    ck_assert_str_eq(settings_text(&again->all, "fake.password"), "s3cret");
    free(values);
    free(values_again);
    free(printed_again);
    free(problems);
    free(printed);
    free(text);
    free(secret);
    config_free(again);
    config_free(config);
}
END_TEST

START_TEST(prints_no_secret) {
    char *yaml = with_head("fake:\n  password: s3cret\n"), *problems;
    struct config *config = load(yaml, &problems);
    ck_assert_str_eq(problems, "");
    char *printed = print(config);
    ck_assert_ptr_null(strstr(printed, "s3cret"));
    ck_assert_ptr_nonnull(strstr(printed, "password: ~"));
    ck_assert_ptr_nonnull(strstr(printed, "secret, not shown"));
    free(printed);
    free(problems);
    free(yaml);
    config_free(config);
}
END_TEST

START_TEST(a_client_reads_its_part_only) {
    program_write_file(path, "zzz: 1\ndriver: nosuch\nhttp: {unix_socket: /tmp/s}\n");
    struct problems problems;
    problems_init(&problems, path);
    struct config *config = config_load_part(path, &problems);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(settings_text(&config->all, "http.unix_socket"), "/tmp/s");
    ck_assert_str_eq(settings_text(&config->all, "http.bind"), "localhost:8000");
    config_free(config);
    program_write_file(path, "http: {unix_sock: /tmp/s}\n");
    ck_assert_ptr_null(config_load_part(path, &problems));
    ck_assert_uint_eq(problems.errors, 1);
    problems_dispose(&problems);
}
END_TEST

/* Whatever stands in the file: a configuration, or reasons why there is none. */
START_TEST(survives_rubbish) {
    static const char pieces[] = "\n\t :-~#&*!|>'\"[]{},?%@`\\0a\xC3\xFF\x01";
    unsigned chance = 1;
    for (int i = 0; i < 400; i++) {
        char *yaml = with_head("http:\n  bind: \"a:1\"\n  tls: {enabled: false}\n"
                               "version:\n  command: [cat, 'a b']\n"
                               "fake: {offset: -5, password: |\n  text\n}\n");
        const size_t size = strlen(yaml);
        for (int j = rand_r(&chance) % 6; j >= 0; j--)
            yaml[(size_t)rand_r(&chance) % size] =
                pieces[(size_t)rand_r(&chance) % (sizeof(pieces) - 1)];
        char *problems;
        config_free(load(yaml, &problems));
        free(problems);
        free(yaml);
    }
}
END_TEST

START_TEST(counts_mistakes) {
    ck_assert_uint_eq(settings_distance("", ""), 0);
    ck_assert_uint_eq(settings_distance("abc", "abc"), 0);
    ck_assert_uint_eq(settings_distance("", "abc"), 3);
    ck_assert_uint_eq(settings_distance("abc", "ab"), 1);
    ck_assert_uint_eq(settings_distance("abc", "axc"), 1);
    ck_assert_uint_eq(settings_distance("abc", "acb"), 1);
    ck_assert_uint_eq(settings_distance("kitten", "sitting"), 3);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, names_the_mistake, 0, sizeof(mistakes) / sizeof(mistakes[0]));
    tcase_add_test(tcase, names_what_is_missing);
    tcase_add_test(tcase, names_what_is_no_section);
    tcase_add_test(tcase, names_a_driver_that_is_not_there);
    tcase_add_test(tcase, names_a_certificate_that_is_none);
    tcase_add_test(tcase, a_file_that_cannot_be_read);
    tcase_add_test(tcase, takes_values);
    tcase_add_test(tcase, has_defaults);
    tcase_add_test(tcase, environment_wins);
    tcase_add_test(tcase, takes_a_secret_from_a_file);
    tcase_add_test(tcase, refuses_a_secret_that_all_can_read);
    tcase_add_test(tcase, refuses_an_empty_secret);
    tcase_add_test(tcase, warns_of_a_secret_in_a_public_file);
    tcase_add_test(tcase, names_mistakes_in_commands);
    tcase_add_test(tcase, warns_of_a_command_that_is_not_there);
    tcase_add_test(tcase, takes_external_actions);
    tcase_add_test(tcase, prints_what_could_be_read_again);
    tcase_add_test(tcase, prints_no_secret);
    tcase_add_test(tcase, a_client_reads_its_part_only);
    tcase_add_test(tcase, survives_rubbish);
    tcase_add_test(tcase, counts_mistakes);
    Suite *suite = suite_create("config");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
