/* Any text as the URL of a Redis. What is taken has a server; written anew from its parts it is taken
 * again and means the same; what is refused has a reason that repeats nothing of it. */
#include "redis/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    char s[32768];
    size_t n;
};

static void add(struct text *t, const char *s)
{
    t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, "%s", s);
}

static void add_encoded(struct text *t, const char *s)
{
    for (; *s; s++)
        t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, "%%%02x", (unsigned char)*s);
}

static void add_number(struct text *t, const char *before, int n)
{
    t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, "%s%d", before, n);
}

static void add_hosts(struct text *t, const struct redis_url *u)
{
    for (size_t i = 0; i < u->host_count; i++) {
        bool v6 = strchr(u->hosts[i].host, ':');
        add(t, i ? "," : "");
        add(t, v6 ? "[" : "");
        add(t, u->hosts[i].host);
        add_number(t, v6 ? "]:" : ":", u->hosts[i].port);
    }
}

static void write_url(struct text *t, const struct redis_url *u)
{
    static const char *const mode[] = {"", "+sentinel", "+cluster"};
    if (u->mode == REDIS_REST) {
        add(t, u->rest);
        return;
    }
    add(t, u->tls ? "rediss" : "redis");
    add(t, *u->path ? "+unix" : mode[u->mode]);
    add(t, "://");
    add_encoded(t, u->user);
    add(t, ":");
    add_encoded(t, u->password);
    add(t, "@");
    if (*u->path) {
        add(t, "/");
        add_encoded(t, u->path + 1);
    }
    add_hosts(t, u);
    if (*u->master) {
        add(t, "/");
        add_encoded(t, u->master);
    }
    if (u->mode != REDIS_CLUSTER)
        add_number(t, *u->path ? "?db=" : "/", u->db);
    if (*u->sentinel_password) {
        add(t, "?sentinel-user=");
        add_encoded(t, u->sentinel_user);
        add(t, "&sentinel-password=");
        add_encoded(t, u->sentinel_password);
    }
}

static bool same(const struct redis_url *a, const struct redis_url *b)
{
    if (a->mode != b->mode || a->tls != b->tls || a->db != b->db ||
        a->host_count != b->host_count || strcmp(a->user, b->user) != 0 ||
        strcmp(a->password, b->password) != 0 || strcmp(a->path, b->path) != 0 ||
        strcmp(a->master, b->master) != 0 || strcmp(a->rest, b->rest) != 0 ||
        strcmp(a->sentinel_user, b->sentinel_user) != 0 ||
        strcmp(a->sentinel_password, b->sentinel_password) != 0)
        return false;
    for (size_t i = 0; i < a->host_count; i++)
        if (a->hosts[i].port != b->hosts[i].port || strcmp(a->hosts[i].host, b->hosts[i].host) != 0)
            return false;
    return true;
}

static void check_taken(const struct redis_url *u)
{
    static struct text again;
    struct redis_url v;
    char err[160];
    REQUIRE(*u->path ? !u->host_count : u->host_count && u->host_count <= REDIS_HOSTS_MAX);
    REQUIRE((u->mode == REDIS_SENTINEL) == (*u->master != '\0'));
    REQUIRE((u->mode == REDIS_REST) == (*u->rest != '\0'));
    REQUIRE(u->mode == REDIS_SENTINEL || u->mode == REDIS_CLUSTER || u->host_count <= 1);
    for (size_t i = 0; i < u->host_count; i++)
        REQUIRE(*u->hosts[i].host && u->hosts[i].port);
    again.n = 0;
    write_url(&again, u);
    REQUIRE(again.n < sizeof(again.s));
    REQUIRE(redis_url_parse(again.s, &v, err, sizeof(err)) == 0 && same(u, &v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_url u;
    char err[160] = "", err_again[160] = "", *url = malloc(size + 1);
    memcpy(url, data, size);
    url[size] = '\0';
    if (redis_url_parse(url, &u, err, sizeof(err)) == 0) {
        check_taken(&u);
    } else {
        /* The reason does not depend on a secret: with other letters it is the same. */
        REQUIRE(*err && strlen(err) < sizeof(err) - 1);
        const char *colon = strstr(url, "://");
        char *at = strrchr(url, '@');
        for (char *p = colon ? url + (colon - url) + 3 : at; at && p < at; p++)
            if (*p >= 'g' && *p <= 'z')
                *p = *p == 'z' ? 'g' : (char)(*p + 1);
        REQUIRE(redis_url_parse(url, &u, err_again, sizeof(err_again)) < 0);
        REQUIRE(!strcmp(err, err_again));
    }
    free(url);
    return 0;
}
