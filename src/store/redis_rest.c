#include "store/redis_link_int.h"

#include <stdio.h>

struct redis_link *rest_link_open(const struct redis_target *t, char *err, size_t err_len)
{
    snprintf(err, err_len, "not built yet");
    return NULL;
}

#include "store/redis_sub_int.h"
struct redis_sub *rest_sub_open(const struct redis_target *t, char *err, size_t err_len)
{
    snprintf(err, err_len, "not built yet");
    return NULL;
}
