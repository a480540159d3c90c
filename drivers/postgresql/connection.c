#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plan.h"
#include "postgresql.h"
#include "status.h"

/*
 * libpq without its blocking calls: a server that is stopped still accepts connections, and then
 * says nothing for ever. Every wait ends at the deadline of the call, or when it is cancelled.
 */

repli__pg_target repli__pg_here(const repli__pg *pg, const repli__pg_account *account) {
    const repli__pg_config *config = &pg->config;
    return (repli__pg_target){.conninfo = config->conninfo,
                              .host = repli__pg_config_host(config),
                              .port = repli__pg_config_port(config),
                              .dbname = config->dbname,
                              .account = account};
}

void repli__pg_disconnect(repli__pg_link *link) {
    PQfinish(link->conn);
    link->conn = NULL;
}

static int64_t milliseconds_left(const repli__pg *pg, const repli_op *op) {
    const uint64_t now = pg->host->now_ns(pg->host), deadline = pg->host->deadline_ns(op);
    if (deadline <= now)
        return 0;
    const uint64_t left = (deadline - now + 999999) / 1000000;
    return left > 3600000 ? 3600000 : (int64_t)left;
}

/* Wait for events on fd. Returns what came; 0 means that the call is over, and why is in *code. */
static short wait_for(const repli__pg *pg, const repli_op *op, int fd, short events,
                      int32_t *code) {
    for (;;) {
        const int64_t left = milliseconds_left(pg, op);
        struct pollfd fds[2] = {{.fd = fd, .events = events},
                                {.fd = pg->wake[0], .events = POLLIN}};
        const int ready = poll(fds, 2, (int)left);
        if (ready > 0 && fds[0].revents)
            return fds[0].revents;
        /* The time comes first: cancelled() does not tell an expired call from a cancelled one. */
        if (milliseconds_left(pg, op) == 0)
            return *code = REPLI_ETIMEOUT, (short)0;
        if (pg->host->cancelled(op))
            return *code = REPLI_ECANCELLED, (short)0;
        if (ready > 0 && fds[1].revents) {
            char left_over[16]; /* meant for an earlier call */
            while (read(pg->wake[0], left_over, sizeof(left_over)) > 0)
                continue;
        }
        if (ready < 0 && errno != EINTR)
            return *code = REPLI_EIO, (short)0;
    }
}

/* Whether the other side has closed or reset the connection. Asked before libpq reads, since all
 * that it leaves afterwards is a translated text. */
static int peer_has_closed(int fd) {
    char byte;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/*
 * An error of the server at log-in has no result to ask for its SQLSTATE; but with verbose messages
 * the code stands in the text, between a colon with two blanks and a colon with one, in any
 * language: "FATAL:  57P03: the database system is starting up".
 */
static const char *find_sqlstate(const char *message, char sqlstate[6]) {
    static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = message; (at = strstr(at, ":  ")); at += 3) {
        if (strspn(at + 3, characters) == 5 && at[8] == ':' && at[9] == ' ') {
            memcpy(sqlstate, at + 3, 5);
            sqlstate[5] = '\0';
            return at + 10;
        }
    }
    sqlstate[0] = '\0';
    return NULL;
}

/* What the server said, as one line: the message and its details, but not the last line, which
 * tells where in the server's source it was raised. */
static void server_words(const char *message, char *ret_text, size_t size) {
    size_t used = 0;
    ret_text[0] = '\0';
    for (const char *line = message; *line && used + 1 < size;) {
        const size_t length = strcspn(line, "\n");
        const char *next = line[length] ? line + length + 1 : line + length;
        if (line != message && !*next)
            break;
        const char *label_end = line == message ? NULL : strstr(line, ":  ");
        const char *from = label_end && label_end < line + length ? label_end + 3 : line;
        const int wrote = snprintf(ret_text + used, size - used, "%s%.*s", used ? "; " : "",
                                   (int)(line + length - from), from);
        used += wrote > 0 ? (size_t)wrote : 0;
        line = next;
    }
}

static const char *text_or(const char *text, const char *otherwise) {
    return text && *text ? text : otherwise;
}

static void name_of(const repli__pg_target *target, PGconn *conn, char *ret_name, size_t size) {
    const char *host = text_or(target->host, conn ? PQhost(conn) : NULL);
    const char *port = text_or(target->port, conn ? PQport(conn) : NULL);
    snprintf(ret_name, size, "%s:%s", text_or(host, "localhost"), text_or(port, "5432"));
}

/* What is known of an attempt to connect, for telling its failures apart. */
typedef struct attempt {
    int reached; /* the connection itself stood */
    int closed;  /* and then the other side closed it */
} attempt;

static int32_t connect_failed(const repli__pg *pg, const repli__pg_target *target,
                              repli__pg_link *link, const attempt *seen, repli_error *err) {
    char name[320], words[400];
    name_of(target, link->conn, name, sizeof(name));
    const char *user = PQuser(link->conn) ? PQuser(link->conn) : "";
    const char *said = find_sqlstate(PQerrorMessage(link->conn), link->sqlstate);
    server_words(said ? said : PQerrorMessage(link->conn), words, sizeof(words));

    int32_t code = REPLI_EPROTOCOL;
    const char *what = "no PostgreSQL server answers as it should at";
    if (said) {
        code = repli__pg_sqlstate_code(link->sqlstate);
        what = code == REPLI_ENOTREADY ? "PostgreSQL does not accept connections at"
                                       : "cannot log in to PostgreSQL at";
    } else if (!seen->reached) {
        code = REPLI_EREFUSED;
        what = "cannot connect to PostgreSQL at";
    } else if (seen->closed) {
        code = REPLI_ELOST;
        what = "the connection was closed during log-in by PostgreSQL at";
    } else if (PQconnectionNeedsPassword(link->conn)) {
        code = REPLI_EAUTH;
    }
    if (code == REPLI_EAUTH)
        return repli__pg_fail_native(pg, err, code, link->sqlstate, words,
                                     "authentication failed for user \"%s\" at %s: check user and "
                                     "password, and pg_hba.conf of the server",
                                     user, name);
    return repli__pg_fail_native(pg, err, code, link->sqlstate, words, "%s %s as user \"%s\"%s%s",
                                 what, name, user, said ? ": " : "", said ? words : "");
}

static int32_t given_up(const repli__pg *pg, int32_t code, const char *doing, const char *name,
                        repli_error *err) {
    if (code == REPLI_ETIMEOUT)
        return repli__pg_fail(pg, err, code, NULL,
                              "%s %s: no answer by the deadline; the server hangs, is overloaded "
                              "or cannot be reached",
                              doing, name);
    if (code == REPLI_ECANCELLED)
        return repli__pg_fail(pg, err, code, NULL, "%s %s: cancelled", doing, name);
    return repli__pg_fail(pg, err, code, strerror(errno), "%s %s: waiting failed", doing, name);
}

static void ignore_notice(void *unused, const PGresult *result) {
    (void)unused;
    (void)result;
}

/* The server ends by itself what this side gave up; names are looked up nowhere but in the system's
 * catalogue, whatever others have put into schemas. */
static void session_options(const repli__pg *pg, const repli_op *op, char *ret_text, size_t size) {
    const int64_t left = milliseconds_left(pg, op);
    snprintf(ret_text, size, "-c statement_timeout=%lld -c search_path=pg_catalog",
             (long long)(left < 1000 ? 1000 : left));
}

static PGconn *begin(const repli__pg *pg, const repli_op *op, const repli__pg_target *target) {
    const repli__pg_config *config = &pg->config;
    char options[96];
    session_options(pg, op, options, sizeof(options));

    /* Later ones win. Looking for a Kerberos ticket may block. */
    const struct {
        const char *key, *value;
    } given[] = {{"gssencmode", "disable"},
                 {"dbname", text_or(target->conninfo, "postgres")},
                 {"host", target->host},
                 {"port", target->port},
                 {"dbname", target->dbname},
                 {"user", target->account->user},
                 {"password", target->account->password},
                 {"sslmode", config->sslmode},
                 {"sslrootcert", config->sslrootcert},
                 {"sslcert", config->sslcert},
                 {"sslkey", config->sslkey},
                 {"application_name", config->application_name},
                 {"client_encoding", "UTF8"},
                 {"options", options},
                 {"replication", target->replication ? "true" : NULL}};
    enum { COUNT = sizeof(given) / sizeof(*given) };
    const char *keys[COUNT + 1], *values[COUNT + 1];
    size_t used = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (!given[i].value)
            continue;
        keys[used] = given[i].key;
        values[used++] = given[i].value;
    }
    keys[used] = values[used] = NULL;
    return PQconnectStartParams(keys, values, 1);
}

int32_t repli__pg_connect(repli__pg *pg, const repli_op *op, const repli__pg_target *target,
                          repli__pg_link *link, repli_error *err) {
    repli__pg_disconnect(link);
    link->sqlstate[0] = '\0';
    link->conn = begin(pg, op, target);
    if (!link->conn)
        return repli__pg_nomem(pg, err);
    PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
    PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE);

    attempt seen = {0, 0};
    PostgresPollingStatusType next =
        PQstatus(link->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        const int reading = next == PGRES_POLLING_READING;
        int32_t code = REPLI_OK;
        if (!wait_for(pg, op, PQsocket(link->conn), reading ? POLLIN : POLLOUT, &code)) {
            char name[320];
            name_of(target, link->conn, name, sizeof(name));
            code = given_up(pg, code, "connecting to PostgreSQL at", name, err);
            repli__pg_disconnect(link);
            return code;
        }
        const ConnStatusType before = PQstatus(link->conn);
        seen.reached = before != CONNECTION_STARTED && before != CONNECTION_NEEDED;
        seen.closed = reading && seen.reached && peer_has_closed(PQsocket(link->conn));
        next = PQconnectPoll(link->conn);
    }
    if (next == PGRES_POLLING_FAILED) {
        const int32_t code = connect_failed(pg, target, link, &seen, err);
        repli__pg_disconnect(link);
        return code;
    }
    PQsetErrorVerbosity(link->conn, PQERRORS_DEFAULT);
    PQsetnonblocking(link->conn, 1);
    return REPLI_OK;
}

/* Wait until libpq has sent what it holds. */
static int32_t flush(const repli__pg *pg, const repli_op *op, PGconn *conn) {
    int32_t code = REPLI_OK;
    int pending;
    while ((pending = PQflush(conn)) > 0) {
        const short came = wait_for(pg, op, PQsocket(conn), POLLIN | POLLOUT, &code);
        if (!came)
            return code;
        if ((came & POLLIN) && !PQconsumeInput(conn))
            return REPLI_ELOST;
    }
    return pending < 0 ? REPLI_ELOST : REPLI_OK;
}

/* The first result of a statement; the others are dropped. Asking PQisBusy() before every wait
 * matters: a result that is complete already would never make the socket readable. */
static int32_t collect(const repli__pg *pg, const repli_op *op, PGconn *conn, int *ret_closed,
                       PGresult **ret_result) {
    PGresult *first = NULL;
    for (;;) {
        int32_t code = REPLI_OK;
        while (PQisBusy(conn)) {
            if (!wait_for(pg, op, PQsocket(conn), POLLIN, &code)) {
                PQclear(first);
                return code;
            }
            *ret_closed |= peer_has_closed(PQsocket(conn));
            if (!PQconsumeInput(conn))
                break;
        }
        PGresult *result = PQgetResult(conn);
        if (!result)
            break;
        if (first)
            PQclear(result);
        else
            first = result;
    }
    *ret_result = first;
    return REPLI_OK;
}

static int succeeded(const PGresult *result) {
    const ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static int32_t query_failed(const repli__pg *pg, repli__pg_link *link, const PGresult *result,
                            int closed, repli_error *err) {
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (sqlstate && *sqlstate) {
        snprintf(link->sqlstate, sizeof(link->sqlstate), "%.5s", sqlstate);
        const char *said = text_or(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), "an error");
        const char *more = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
        const int32_t code = repli__pg_sqlstate_code(sqlstate);
        return repli__pg_fail_native(
            pg, err, code, sqlstate, more, "PostgreSQL at %s:%s refused: %s (SQLSTATE %s)",
            text_or(PQhost(link->conn), "localhost"), PQport(link->conn), said, sqlstate);
    }
    char words[400];
    server_words(PQerrorMessage(link->conn), words, sizeof(words));
    if (closed || PQstatus(link->conn) == CONNECTION_BAD)
        return repli__pg_fail(pg, err, closed ? REPLI_ELOST : REPLI_EPROTOCOL, words,
                              "the connection to PostgreSQL at %s:%s broke",
                              text_or(PQhost(link->conn), "localhost"), PQport(link->conn));
    return repli__pg_fail(pg, err, REPLI_EPROTOCOL, words,
                          "PostgreSQL at %s:%s answered something unexpected",
                          text_or(PQhost(link->conn), "localhost"), PQport(link->conn));
}

int32_t repli__pg_query(repli__pg *pg, const repli_op *op, repli__pg_link *link, const char *sql,
                        int parameter_count, const char *const *parameters, PGresult **ret_result,
                        repli_error *err) {
    PGresult *result = NULL;
    int closed = 0;
    link->sqlstate[0] = '\0';
    if (!link->conn)
        return repli__pg_fail(pg, err, REPLI_ELOST, NULL, "there is no connection to PostgreSQL");

    /* The replication protocol knows no parameters, so without any the simple way is taken. */
    const int sent = parameter_count == 0 ? PQsendQuery(link->conn, sql)
                                          : PQsendQueryParams(link->conn, sql, parameter_count,
                                                              NULL, parameters, NULL, NULL, 0);
    int32_t code = REPLI_OK;
    if (sent) {
        /* What could not be sent is told, if by anything, by what the server said before. */
        code = flush(pg, op, link->conn);
        if (code == REPLI_OK || code == REPLI_ELOST)
            code = collect(pg, op, link->conn, &closed, &result);
    }
    if (code != REPLI_OK) {
        char name[320];
        snprintf(name, sizeof(name), "%s:%s", text_or(PQhost(link->conn), "localhost"),
                 PQport(link->conn));
        code = given_up(pg, code, "asking PostgreSQL at", name, err);
        repli__pg_disconnect(link);
        return code;
    }
    if (result && succeeded(result)) {
        *ret_result = result;
        return REPLI_OK;
    }
    closed |= !sent;
    code = query_failed(pg, link, result, closed, err);
    PQclear(result);
    if (PQstatus(link->conn) == CONNECTION_BAD)
        repli__pg_disconnect(link);
    return code;
}

int32_t repli__pg_execute(repli__pg *pg, const repli_op *op, repli__pg_link *link, const char *sql,
                          int parameter_count, const char *const *parameters, repli_error *err) {
    if (pg->plan)
        return repli__pg_plan_statement(pg, sql, parameter_count, parameters);
    PGresult *result = NULL;
    const int32_t code =
        repli__pg_query(pg, op, link, sql, parameter_count, parameters, &result, err);
    if (code == REPLI_OK)
        PQclear(result);
    return code;
}
