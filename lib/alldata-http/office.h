#ifndef ALLDATA_HTTP_OFFICE_H
#define ALLDATA_HTTP_OFFICE_H

#include "alldata-http/call.h"
#include "alldata-http/exporter.h"
#include "web/web.h"

/* What the calls of a server can use, also if they came another way than over HTTP. */
struct alldata__http_office {
    repli__web *web;
    alldata__http_exporter *exporter;
};

#endif
