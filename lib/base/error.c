#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/sized.h"
#include "base/text.h"

/* One that was never initialised has no size. */
static int usable(const repli_error *err) {
    return err != NULL && err->struct_size >= REPLI__SIZE_TO(repli_error, cause);
}

int32_t repli__error(repli_error *err, int32_t code, const char *origin, const char *format, ...) {
    if (!usable(err))
        return code;
    char message[REPLI_ERROR_MESSAGE_SIZE + 4];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (size < 0)
        message[0] = '\0';
    err->code = code;
    repli__text_clean(err->origin, sizeof(err->origin), origin);
    err->native[0] = '\0';
    repli__text_clean(err->message, sizeof(err->message), message);
    err->cause[0] = '\0';
    return code;
}

void repli__error_native(repli_error *err, const char *native) {
    if (usable(err))
        repli__text_clean(err->native, sizeof(err->native), native);
}

void repli__error_cause(repli_error *err, const char *cause) {
    if (usable(err))
        repli__text_clean(err->cause, sizeof(err->cause), cause);
}

int32_t repli__error_within(repli_error *err, int32_t code, const char *format, ...) {
    if (!usable(err))
        return code;
    char message[2 * REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(message, REPLI_ERROR_MESSAGE_SIZE, format, args);
    va_end(args);
    if (length < 0 || length >= REPLI_ERROR_MESSAGE_SIZE)
        return code;
    snprintf(message + length, sizeof(message) - (size_t)length, ": %s", err->message);
    repli__text_clean(err->message, sizeof(err->message), message);
    return code;
}

int32_t repli__error_nomem(repli_error *err, const char *origin, const char *what) {
    return repli__error(err, REPLI_ENOMEM, origin, "out of memory while %s", what);
}

int32_t repli__error_copy(repli_error *err, const repli_error *from) {
    if (usable(err) && err != from)
        repli__sized_fill(err, from, sizeof(*from));
    return from->code;
}

void repli__error_init(repli_error *err) {
    err->struct_size = sizeof(*err);
    repli_error_clear(err);
}

void repli_error_clear(repli_error *err) {
    if (!usable(err))
        return;
    err->code = REPLI_OK;
    err->origin[0] = '\0';
    err->native[0] = '\0';
    err->message[0] = '\0';
    err->cause[0] = '\0';
}

const char *repli_error_name(int32_t code) {
    switch (code) {
    case REPLI_OK: return "ok";
    case REPLI_EREFUSED: return "refused";
    case REPLI_ETIMEOUT: return "timeout";
    case REPLI_ELOST: return "lost";
    case REPLI_EAUTH: return "auth";
    case REPLI_EPERMISSION: return "permission";
    case REPLI_ENOTREADY: return "not_ready";
    case REPLI_EPROTOCOL: return "protocol";
    case REPLI_ENOTFOUND: return "not_found";
    case REPLI_EDONE: return "done";
    case REPLI_ECONFLICT: return "conflict";
    case REPLI_ENOQUORUM: return "no_quorum";
    case REPLI_ENOTLEADER: return "not_leader";
    case REPLI_EINVALID: return "invalid";
    case REPLI_EINTERNAL: return "internal";
    case REPLI_ENOMEM: return "out_of_memory";
    case REPLI_ENOTSUP: return "not_supported";
    case REPLI_ECANCELLED: return "cancelled";
    case REPLI_EBUSY: return "busy";
    case REPLI_EFULL: return "full";
    case REPLI_EIO: return "io";
    case REPLI_ECORRUPT: return "corrupt";
    case REPLI_EABI: return "abi";
    case REPLI_ESTATE: return "state";
    case REPLI_EFORK: return "fork";
    default: return "unknown";
    }
}
