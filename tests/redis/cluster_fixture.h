/* A Cluster of three real servers for the tests, ended with the program. */
#ifndef TESTS_REDIS_CLUSTER_FIXTURE_H
#define TESTS_REDIS_CLUSTER_FIXTURE_H

#include "tests/redis/server.h"

/* 0 to 2 share the slots; 3 is a replica of 2 when a test has started it. */
extern struct redis_server cluster_nodes[4];
extern int cluster_bus[4];
extern char cluster_ids[4][48];

/* Starts the three of them unless they run, and waits until they are one. */
void cluster_start(void);
void cluster_start_node(int i, int port, const char *dir);
void cluster_meet(int i);
/* Waits until what redis-cli prints for the command has that text. */
void cluster_until(const struct redis_server *r, const char *command, const char *has);
void cluster_agreed(void);
void cluster_flush(void);

#endif
