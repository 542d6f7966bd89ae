/*
 * What has to happen whole in Redis is a Lua script. KEYS are the keys of one bytecrowd, in
 * the order of enum redis_key (SCRIPT_GET: one other key); redis_script.c says what ARGV and the
 * answer are.
 */
#ifndef STORE_REDIS_SCRIPT_H
#define STORE_REDIS_SCRIPT_H

enum redis_key { KEY_FIELDS, KEY_UPDATES, KEY_SNAPSHOT, KEY_META, KEY_LINKS, KEYS_ALL };

enum redis_script {
    SCRIPT_LOAD,
    SCRIPT_RESUME,
    SCRIPT_APPEND,
    SCRIPT_SNAPSHOT,
    SCRIPT_FIELDS,
    SCRIPT_IMPORT,
    SCRIPT_EXPIRE,
    SCRIPT_TOUCH,
    SCRIPT_ACCESS,
    SCRIPT_AUTHORIZE,
    SCRIPT_LINK_ADD,
    SCRIPT_LINK_REMOVE,
    SCRIPT_GET,
    SCRIPTS
};

const char *redis_script_text(enum redis_script s);
const char *redis_script_sha1(enum redis_script s); /* hexadecimal, what EVALSHA wants */

#endif
