#ifndef TESTS_REDIS_RELAY_H
#define TESTS_REDIS_RELAY_H

/*
 * Pass on what is said to the server at that port of loopback, but send what has the word in it
 * twice, as if somebody else had sent it a moment before: the first reply is dropped. Returns the
 * port to connect to. One relay at a time.
 */
int relay_start(int port, const char *word);
void relay_stop(void);

#endif
