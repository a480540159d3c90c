#include "config_keys.h"

#include <string.h>

#include "settings.h"

#ifndef REPLI_DRIVERDIR
#define REPLI_DRIVERDIR "/usr/local/lib/replicante/drivers"
#endif

#define TEXT SETTINGS_TEXT
#define NUMBER SETTINGS_NUMBER
#define BOOLEAN SETTINGS_BOOLEAN
#define LIST SETTINGS_LIST
#define CHOICE SETTINGS_CHOICE

enum { DAY_MS = 86400000, BODY_MIN = 1024, BODY_MAX = 1 << 30, PORT_MAX = 65535 };

static const repli_config_key *const program_keys[] = {
    LIST("check.actions", "actions that the check may do, each as \"KIND ARGUMENTS\""),
    NUMBER("check.calls", "10000", 100, 10000000, "calls in which the check looks for leaks"),
    NUMBER("check.deadline", "2000", 100, 60000, "milliseconds that the check gives a call"),
    LIST("check.hang", "command that makes the store stop answering, for the check"),
    LIST("check.own_addresses", "host:port of the store, beside those in the driver's section"),
    LIST("check.resume", "command that undoes check.hang"),
    NUMBER("check.settle", "30", 1, 3600, "seconds that the store may take to be back"),
    LIST("check.start", "command that starts the store, for the check"),
    LIST("check.stop", "command that stops the store, for the check"),
    LIST("check.write", "command that writes to the store, for the check"),
    LIST("check.wrong_credentials", "KEY=VALUE in the driver's section that the store refuses"),
    TEXT("driver", REPLI_CONFIG_REQUIRED, NULL, "name of the driver, or absolute path of its file"),
    TEXT("driver_dir", 0, REPLI_DRIVERDIR, "where drivers are looked for by their name"),
    TEXT("events.sink", 0, NULL, "AllData that events are shipped to: alldata://host:port,..."),
    TEXT("events.sink_ca", 0, NULL, "PEM file of the authorities that the sink must have"),
    TEXT("events.sink_secret", REPLI_CONFIG_SECRET, NULL, "secret of the sink"),
    TEXT("http.bind", 0, "localhost:8000", "host:port to listen on; empty: no TCP"),
    NUMBER("http.client_request_timeout", "5000", 1, DAY_MS,
           "milliseconds after which a connection without progress is closed"),
    TEXT("http.health_bind", 0, NULL, "host:port of a second listener for /health and /role only"),
    NUMBER("http.keep_alive", "5000", 1, DAY_MS,
           "milliseconds after which an idle connection is closed"),
    NUMBER("http.max_body", "1048576", BODY_MIN, BODY_MAX, "bytes a request's body may have"),
    NUMBER("http.max_connections", "256", 1, PORT_MAX, "connections at the same time"),
    TEXT("http.tls.client_ca_bundle", 0, NULL,
         "PEM file of authorities; with it clients must present a certificate"),
    BOOLEAN("http.tls.enabled", "true", "false: no TLS although a certificate is given"),
    TEXT("http.tls.server_private_cert", 0, NULL, "PEM file of the server's certificate chain"),
    TEXT("http.tls.server_private_key", 0, NULL, "PEM file of the server's private key"),
    TEXT("http.unix_mode", 0, "0600", "permissions of the UNIX socket, in octal"),
    TEXT("http.unix_socket", 0, NULL, "path of a UNIX socket to listen on"),
    CHOICE("http.writes", "auto", "auto|always|never",
           "who may schedule and cancel actions over TCP"),
    NUMBER("stop_timeout", "30", 1, 3600, "seconds that stopping may take"),
    CHOICE("telemetry.logs.level", "info", "critical|error|warning|info|debug|trace",
           "least important messages that are logged"),
    CHOICE("telemetry.logs.mode", "auto", "auto|json|terminal", "how log lines look"),
    NULL};

const repli_config_key *const *config_keys_program(void) {
    return program_keys;
}

const char *config_keys_driver_dir(void) {
    return REPLI_DRIVERDIR;
}

int config_keys_needs_restart(const char *name) {
    static const char *const names[] = {"driver",         "driver_dir",         "events.sink",
                                        "events.sink_ca", "events.sink_secret", "http.bind",
                                        "http.unix_mode", "http.unix_socket",   "http.health_bind"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}
