/*
 * One connection to a Redis server: TCP, unix socket or TLS; RESP2 by hiredis's reader and
 * formatter, bytes by a stream of our own with deadlines (redis/stream.h), because Debian 12's
 * hiredis has neither TLS nor a connect that obeys one deadline.
 */
#ifndef REDIS_CONN_H
#define REDIS_CONN_H

#include "redis/link.h"

struct redis_conn;

/* Connects to host:port (host NULL: the target's unix socket), handshakes TLS if the target says
 * so, signs in, selects the database. NULL with a reason. */
struct redis_conn *redis_conn_open(const struct redis_target *t, const char *host, uint16_t port,
                                   char *err, size_t err_len);
/* Likewise, with a time of its own for connecting: that of the target is for the answers. */
struct redis_conn *redis_conn_open_within(const struct redis_target *t, const char *host,
                                          uint16_t port, uint32_t connect_ms, char *err,
                                          size_t err_len);
/* Connects to where commands of no key go: the server, the Sentinels' master, one of the hosts that
 * the URL names of a Cluster. */
struct redis_conn *redis_conn_dial(const struct redis_target *t, char *err, size_t err_len);
/* Queues a command; nothing is sent yet. */
void redis_conn_queue(struct redis_conn *c, int argc, const char *const *argv, const size_t *len);
/* Sends what is queued as far as it goes without waiting; reading goes on with it. */
void redis_conn_flush(struct redis_conn *c);
/* Sends what is queued as far as it goes without waiting, and reads one reply: 1 with *out (to be
 * freed with freeReplyObject), 0 when none came within timeout_ms or `wake_fd` (-1: none) became
 * readable, -1 when the connection is lost or speaks nonsense. Pub/sub messages are replies like
 * others. */
int redis_conn_read(struct redis_conn *c, redisReply **out, uint32_t timeout_ms, int wake_fd);
/* The next reply, in full: the target's timeout begins anew with whatever moves either way, for
 * REDIS_WHOLE timeouts at most. NULL: it was too late (the connection is of no use then) or is lost. */
redisReply *redis_conn_reply(struct redis_conn *c);
/* One command of C strings and its reply, likewise. */
redisReply *redis_conn_call(struct redis_conn *c, int argc, const char *const *argv);
const char *redis_conn_error(const struct redis_conn *c); /* begins with the name; no secrets */
bool redis_conn_timed_out(const struct redis_conn *c);    /* why redis_conn_call() gave NULL */
const char *redis_conn_name(const struct redis_conn *c);  /* host:port, for people */
void redis_conn_close(struct redis_conn *c);

#endif
