#include "report.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "datadir.h"
#include "postgresql.h"
#include "program.h"
#include "status.h"

static int32_t emit_address(const repli__pg *pg, repli_sink *sink) {
    const char *host = repli__pg_config_host(&pg->config);
    const char *port = repli__pg_config_port(&pg->config);
    if (pg->watch.conn) {
        host = PQhost(pg->watch.conn);
        port = PQport(pg->watch.conn);
    }
    /* A socket in the file system is of no use to others. */
    if (!host || !port || *host == '/' || *host == '@' || !*host)
        return REPLI_OK;
    char text[300];
    snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    repli_address address = REPLI_ADDRESS_INIT;
    address.address = text;
    address.name = "client";
    const int32_t code = pg->host->emit_address(sink, &address);
    address.name = "member";
    return code ? code : pg->host->emit_address(sink, &address);
}

static int32_t emit_text(const repli__pg *pg, repli_sink *sink, const char *name,
                         const char *value) {
    if (!value || !*value)
        return REPLI_OK;
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = REPLI_VALUE_STRING;
    attribute.name = name;
    attribute.string = value;
    return pg->host->emit_attribute(sink, &attribute);
}

/* What is known of the node even while the server is down. */
static int32_t emit_known(repli__pg *pg, repli_sink *sink) {
    int32_t code = emit_address(pg, sink);
    if (!*pg->system_identifier && pg->config.data_directory)
        repli__pg_datadir_identifier(pg->config.data_directory, pg->system_identifier,
                                     sizeof(pg->system_identifier));
    if (code == REPLI_OK)
        code = emit_text(pg, sink, "postgresql.org/system_identifier", pg->system_identifier);
    if (code == REPLI_OK)
        code = emit_text(pg, sink, "postgresql.org/data_directory", pg->config.data_directory);
    if (code != REPLI_OK || !*pg->version_number)
        return code;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = pg->version_number;
    version.extra = *pg->version_text ? pg->version_text : NULL;
    return pg->host->emit_version(sink, &version);
}

/* The status of a node whose server did not answer, if more is known than the error says; else 0,
 * and the error speaks for itself. */
static int32_t status_of_failure(repli__pg *pg, int32_t code, const char *running_action) {
    const int down = code == REPLI_EREFUSED || code == REPLI_ELOST;
    const int joining = repli__pg_action_joins(running_action);
    if (joining && (down || code == REPLI_ENOTREADY))
        return REPLI_STATUS_JOINING_CLUSTER;
    if (down && pg->config.data_directory) {
        const int32_t state = repli__pg_datadir_state(pg);
        if (state == REPLI__PG_DATADIR_EMPTY || state == REPLI__PG_DATADIR_UNFINISHED)
            return REPLI_STATUS_NOT_IN_CLUSTER;
    }
    /* It answers, only to say that it is full. */
    return code == REPLI_EFULL ? REPLI_STATUS_UNHEALTHY : 0;
}

int32_t repli__pg_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__pg *pg = self;
    const char *running = pg->host->running_action(op);
    repli_error error = REPLI_ERROR_INIT;
    /* First, because a server that hangs leaves no time. */
    if (!*pg->version_number && !pg->version_asked) {
        pg->version_asked = 1;
        repli__pg_program_version(pg, op);
    }
    const int32_t seen = repli__pg_observe(pg, op, REPLI__PG_ASK_NODE, &error);

    int32_t code = emit_known(pg, sink);
    if (code != REPLI_OK)
        return code;
    char reason[REPLI_ERROR_MESSAGE_SIZE + REPLI_ERROR_CAUSE_SIZE] = "";
    int32_t status = 0;
    if (seen == REPLI_OK) {
        status = repli__pg_status(pg, running, reason, sizeof(reason));
    } else {
        status = status_of_failure(pg, seen, running);
        /* A server that is not there yet is not one that was lost. */
        if (status == REPLI_STATUS_NOT_IN_CLUSTER || status == REPLI_STATUS_JOINING_CLUSTER)
            pg->last.code = pg->last.error.code = REPLI_ENOTREADY;
        if (status != REPLI_STATUS_NOT_IN_CLUSTER)
            snprintf(reason, sizeof(reason), "%s", error.message);
    }
    return status ? pg->host->emit_status(sink, status, *reason ? reason : NULL)
                  : repli__pg_pass(pg, err, &error, NULL);
}

int32_t repli__pg_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__pg *pg = self;
    int32_t code = repli__pg_observe(pg, op, REPLI__PG_ASK_STORE, err);
    if (code == REPLI_OK)
        code = pg->host->emit_cluster_id(sink, pg->last.system_identifier);
    return code ? code : repli__pg_emit_attributes(pg, sink);
}

int32_t repli__pg_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__pg *pg = self;
    const int32_t code = repli__pg_observe(pg, op, REPLI__PG_ASK_SHARDS, err);
    if (code != REPLI_OK)
        return code;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = pg->last.system_identifier;
    shard.role = repli__pg_role(&pg->last, &shard.role_reason);
    shard.commit_offset = pg->last.offset;
    shard.commit_offset_unit = "bytes";
    if (repli__pg_lag_is_known(&pg->last)) {
        shard.lag = pg->last.lag;
        shard.lag_unit = "bytes";
    }
    return pg->host->emit_shard(sink, &shard);
}
