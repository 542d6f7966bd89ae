/*
 * A bytecrowd's keys, all in the slot of the first one:
 *
 *     bytecrowd:<id>               hash    text, language, authorizedEmails: the original's
 *     {bytecrowd:<id>}:updates     stream  an entry for each append: u (bytes) or b (base64)
 *     {bytecrowd:<id>}:snapshot    hash    state (bytes) or state64, upto: id of the last entry in it
 *     {bytecrowd:<id>}:meta        hash    opened     ms, by Redis' clock
 *                                          fields     ms: when the fields were written
 *                                          fieldspos  what their writer had of the log
 *                                          w:<node>   "<batch> <id>" of a server's last append
 *     {bytecrowd:<id>}:links       hash    <hash of a link>: what is known of it
 *
 * and its channel (news_channel()), where a script tells what it wrote (store/news.h). PUBLISH is
 * called with pcall: a user who may not publish has written all the same.
 *
 * Base64 is what servers write that reach Redis by REST, whose arguments are text. Everybody reads
 * both.
 */
#include "store/redis_script.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>

/* Stream ids are compared as pairs of numbers, which Lua's doubles hold exactly up to 2^53. */
#define COMPARE                                                                                    \
    "local function before(a, b) "                                                                 \
    "  local am, as = string.match(a, '^(%d+)-(%d+)$') "                                           \
    "  local bm, bs = string.match(b, '^(%d+)-(%d+)$') "                                           \
    "  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs) "                   \
    "  return am < bm or (am == bm and as < bs) "                                                  \
    "end "
#define NOW                                                                                        \
    "local t = redis.call('TIME') "                                                                \
    "local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) "
#define MARK_OPENED "redis.call('HSET', KEYS[4], 'opened', string.format('%.0f', now)) "
/* Of a bytecrowd of that name which was deleted by hand, without its fourth key: or a new one would be
 * taken for one that nobody opened for long, and for one whose fields are newer than its log. */
#define FORGET "redis.call('HDEL', KEYS[4], 'opened', 'fields', 'fieldspos') "
#define THERE "redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[5]) > 0 "
/* Of the links that go, whatever is under their key: a table. */
#define HASHES "local hashes = redis.pcall('HKEYS', KEYS[5]) if hashes.err then hashes = {} end "
#define TELL_POLICY "redis.pcall('PUBLISH', ARGV[1], 'p ' .. ARGV[2]) "

static const char *const texts[SCRIPTS] = {
    /* ARGV: 1 to mark it as opened. -> state, state64, upto, log, text, language, emails, links */
    [SCRIPT_LOAD] =
        "local s = redis.call('HMGET', KEYS[3], 'state', 'state64', 'upto') "
        "local log = redis.call('XRANGE', KEYS[2], s[3] and ('(' .. s[3]) or '-', '+') "
        "local f = redis.call('HMGET', KEYS[1], 'text', 'language', 'authorizedEmails') "
        "if ARGV[1] == '1' and " THERE "then " NOW MARK_OPENED "end "
        "return {s[1], s[2], s[3], log, f[1], f[2], f[3], redis.call('HGETALL', KEYS[5])}",

    /* ARGV: pos, acked. -> {0, log after pos} or {1, state, state64, upto, log}. An id that is in
     * the log has everything before it there, too: what a failover loses is the end. */
    [SCRIPT_RESUME] = COMPARE
    "local upto = redis.call('HGET', KEYS[3], 'upto') or '0-0' "
    "local function has(id) "
    "  return id == upto or (before(upto, id) and #redis.call('XRANGE', KEYS[2], id, id) > 0) "
    "end "
    "if has(ARGV[1]) and (not before(ARGV[1], ARGV[2]) or has(ARGV[2])) then "
    "  return {0, redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+')} "
    "end "
    "local s = redis.call('HMGET', KEYS[3], 'state', 'state64', 'upto') "
    "return {1, s[1], s[2], s[3], redis.call('XRANGE', KEYS[2], '(' .. upto, '+')}",

    /* ARGV: channel, node, batch, u or b, data, 1 to append only to nothing, a random number of 32
     * bits. -> id, or nil. What an update follows is read from the stream itself, not kept: so nobody's
     * entry goes unseen. */
    [SCRIPT_APPEND] =
        "if ARGV[6] == '1' and (redis.call('XLEN', KEYS[2]) > 0 or "
        "redis.call('EXISTS', KEYS[3]) > 0) then return false end "
        "local w = 'w:' .. ARGV[2] "
        "if ARGV[3] ~= '0' then "
        "  local was = redis.call('HGET', KEYS[4], w) "
        "  local batch, id = string.match(was or '', '^(%d+) (%S+)$') "
        /* Written again, so that WAIT waits for something. */
        "  if batch == ARGV[3] then redis.call('HSET', KEYS[4], w, was) return id end "
        "end "
        "local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1) "
        "local prev = last[1] and last[1][1] or redis.call('HGET', KEYS[3], 'upto') or '0-0' "
    /* Two masters of a failover may append in the same millisecond: their ids must differ, or one
         * entry would be taken for the other. So the second half of an id is by chance. */
    NOW "local ms, seq = string.match(prev, '^(%d+)-(%d+)$') "
        "local chance, id = tonumber(ARGV[7]) "
        "if now > tonumber(ms) then id = string.format('%.0f-%.0f', now, chance) "
        "else id = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1 + chance % 65536) end "
        "local added = redis.pcall('XADD', KEYS[2], id, ARGV[4], ARGV[5]) "
        "if type(added) == 'table' then "
        "  id = redis.call('XADD', KEYS[2], '*', ARGV[4], ARGV[5]) "
        "end "
        /* Not before it: what comes behind a write is not refused when Redis is full. */
        "if prev == '0-0' then " FORGET "end "
        "if ARGV[3] ~= '0' then redis.call('HSET', KEYS[4], w, ARGV[3] .. ' ' .. id) end "
        "local told = ARGV[5] "
        "if ARGV[4] == 'u' then "
        "  told = string.gsub(told, '[\\\\\\r\\n]', {['\\\\']='\\\\\\\\', ['\\r']='\\\\r', "
        "['\\n']='\\\\n'}) "
        "end "
        "redis.pcall('PUBLISH', ARGV[1], (ARGV[4] == 'u' and 'u ' or 'U ') .. ARGV[2] .. ' ' .. "
        "prev .. ' ' .. id .. ' ' .. told) "
        "return id",

    /* ARGV: channel, node, state or state64, data, pos, the id after pos. -> 0: there is a newer
     * one, 1: written, 2: the log has no pos. Forgets who has not written for an hour. */
    [SCRIPT_SNAPSHOT] = COMPARE NOW
    "local upto = redis.call('HGET', KEYS[3], 'upto') "
    "if upto and not before(upto, ARGV[5]) then return 0 end "
    "if #redis.call('XRANGE', KEYS[2], ARGV[5], ARGV[5]) == 0 then return 2 end "
    "redis.call('HSET', KEYS[3], ARGV[3], ARGV[4], 'upto', ARGV[5]) "
    "redis.call('HDEL', KEYS[3], ARGV[3] == 'state' and 'state64' or 'state') "
    "redis.call('XTRIM', KEYS[2], 'MINID', ARGV[6]) "
    "local m = redis.call('HGETALL', KEYS[4]) "
    "for i = 1, #m, 2 do "
    "  local ms = string.match(m[i + 1], '^%d+ (%d+)-') "
    "  if string.sub(m[i], 1, 2) == 'w:' and (not ms or now - tonumber(ms) > 3600000) then "
    "    redis.call('HDEL', KEYS[4], m[i]) "
    "  end "
    "end "
    "redis.pcall('PUBLISH', ARGV[1], 's ' .. ARGV[2] .. ' ' .. ARGV[5] .. ' ' .. #ARGV[4]) "
    "return 1",

    /* ARGV: channel, node, interval, pos, hash, field, value, ... -> 0: written, n: come back in n
     * ms, -1: somebody wrote them who had more of the log. */
    [SCRIPT_FIELDS] = COMPARE NOW
    "local m = redis.call('HMGET', KEYS[4], 'fields', 'fieldspos') "
    "if m[2] and before(ARGV[4], m[2]) then return -1 end "
    "local since = m[1] and now - tonumber(m[1]) or -1 "
    "local interval = tonumber(ARGV[3]) "
    "if since >= 0 and since < interval then return interval - since end "
    "for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end "
    "redis.call('HSET', KEYS[4], 'fields', string.format('%.0f', now), 'fieldspos', ARGV[4]) "
    "redis.pcall('PUBLISH', ARGV[1], 'f ' .. ARGV[2] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5]) "
    "return 0",

    /* ARGV: channel, node, state or state64 or '', snapshot, u or b, the updates as netstrings, hash
     * and text of each link as netstrings, field, value, ... -> 0: there is something, 1: written. */
    [SCRIPT_IMPORT] =
        "if " THERE "then return 0 end "
        "if ARGV[3] ~= '' then redis.call('HSET', KEYS[3], ARGV[3], ARGV[4], 'upto', '0-1') end "
        "local function each(s, f) "
        "  local at = 1 "
        "  while at <= #s do "
        "    local colon = string.find(s, ':', at, true) "
        "    local n = tonumber(string.sub(s, at, colon - 1)) "
        "    f(string.sub(s, colon + 1, colon + n)) "
        "    at = colon + n + 1 "
        "  end "
        "end "
        "local id, hash = '0-1', false "
        "each(ARGV[6], function(u) id = redis.call('XADD', KEYS[2], '*', ARGV[5], u) end) "
        "each(ARGV[7], function(s) "
        "  if hash then redis.call('HSET', KEYS[5], hash, s) hash = false else hash = s end "
        "end) "
        "for i = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end " FORGET
        "redis.pcall('PUBLISH', ARGV[1], 'u ' .. ARGV[2] .. ' 0-1 ' .. id .. ' ') "
        "return 1",

    /* ARGV: age in ms. -> hashes of the links that it had: it is gone, 0: opened since, or marked now */
    [SCRIPT_EXPIRE] = NOW "local opened = redis.call('HGET', KEYS[4], 'opened') "
                          "if not opened then "
                          "  if " THERE "then " MARK_OPENED "return 0 end "
                          "  return {} "
                          "end "
                          "if now - tonumber(opened) < tonumber(ARGV[1]) then return 0 end " HASHES
                          "redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]) "
                          "return hashes",

    [SCRIPT_TOUCH] = "if " THERE "then " NOW MARK_OPENED "end return 1",

    /* -> emails, links */
    [SCRIPT_ACCESS] =
        "return {redis.call('HGET', KEYS[1], 'authorizedEmails'), redis.call('HGETALL', KEYS[5])}",

    /* ARGV: channel, node, emails, 1 to set them in any case. -> nil: done, or what is set */
    [SCRIPT_AUTHORIZE] =
        "if ARGV[4] ~= '1' then "
        "  if redis.call('HSETNX', KEYS[1], 'authorizedEmails', ARGV[3]) == 0 then "
        "    return redis.call('HGET', KEYS[1], 'authorizedEmails') "
        "  end "
        "elseif ARGV[3] == '' then redis.call('HDEL', KEYS[1], 'authorizedEmails') "
        "else redis.call('HSET', KEYS[1], 'authorizedEmails', ARGV[3]) end " TELL_POLICY
        "return false",

    /* ARGV: channel, node, hash, text, how many there may be. -> 0: there are so many, 1: done */
    [SCRIPT_LINK_ADD] = "if redis.call('HEXISTS', KEYS[5], ARGV[3]) == 0 and "
                        "redis.call('HLEN', KEYS[5]) >= tonumber(ARGV[5]) then return 0 end "
                        "redis.call('HSET', KEYS[5], ARGV[3], ARGV[4]) " TELL_POLICY "return 1",

    /* ARGV: channel, node, hash or *. -> hashes of what is gone, if it was * */
    [SCRIPT_LINK_REMOVE] = "if ARGV[3] == '*' then " HASHES
                           "  if redis.call('UNLINK', KEYS[5]) > 0 then " TELL_POLICY "end "
                           "  return hashes "
                           "end "
                           "if redis.call('HDEL', KEYS[5], ARGV[3]) > 0 then " TELL_POLICY "end "
                           "return {}",

    /* -> {nil}, or value, when it expires in ms (-1: never). Redis 6.2 says only how long it lives
     * on. */
    [SCRIPT_GET] = "local v = redis.call('GET', KEYS[1]) "
                   "if not v then return {false} end "
                   "local at = redis.pcall('PEXPIRETIME', KEYS[1]) "
                   "if type(at) ~= 'number' then "
                   "  at = redis.call('PTTL', KEYS[1]) "
                   "  if at >= 0 then " NOW "at = at + now end "
                   "end "
                   "return {v, string.format('%.0f', at)}",
};

static char sums[SCRIPTS][41];

static void sum_all(void)
{
    for (int s = 0; s < SCRIPTS; s++) {
        unsigned char sum[20];
        size_t n = 0;
        while (texts[s][n])
            n++;
        SHA1((const unsigned char *)texts[s], n, sum);
        for (int i = 0; i < 20; i++)
            snprintf(sums[s] + 2 * i, 3, "%02x", sum[i]);
    }
}

const char *redis_script_text(enum redis_script s)
{
    return texts[s];
}

const char *redis_script_sha1(enum redis_script s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sum_all);
    return sums[s];
}
