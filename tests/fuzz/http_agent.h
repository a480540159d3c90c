#ifndef TESTS_FUZZ_HTTP_AGENT_H
#define TESTS_FUZZ_HTTP_AGENT_H

#include <replicante/agent.h>

/* An agent that runs, on a driver that touches nothing outside of the process. */

/* The agent, to be asked for once an input; a new one, on an empty database, after every few
 * thousand. */
repli_agent *http_agent(void);
/* Called before an agent is freed and after a new one was made; may be NULL. */
void http_agent_notify(void (*before)(void), void (*after)(repli_agent *agent));

/* What must hold for every answer. An error has a body that says why; HEAD and OPTIONS have none.
 */
void http_agent_expect(int32_t status, const char *content_type, const char *body, size_t size);

#endif
