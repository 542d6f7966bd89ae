/*
 * any: lib0's self-describing values, kept as the bytes they are on the wire, and their way to JSON
 * and back.
 *
 *     kind byte, then      127 undefined   126 null   121 false   120 true     nothing
 *                          125 integer     varInt: 6 bits and a sign first, -0 is 0x40
 *                          124 float32   123 float64   122 bigint64            big endian
 *                          119 string      varString
 *                          118 object      varUint n, n x (varString, any)
 *                          117 array       varUint n, n x any
 *                          116 bytes       varByteArray
 *
 * Rule: nothing recurses; more than Y_ANY_DEPTH arrays and objects in one another are refused, in
 * JSON too. Values are converted as a JavaScript engine would on the way through yjs (JSON.parse,
 * then lib0's writeAny; lib0's readAny, then JSON.stringify): numbers, escapes and the order of
 * keys come out the same.
 *
 * Source: lib0 encoding.js `writeAny`, decoding.js `readAny`; ECMA-262 JSON,
 * OrdinaryOwnPropertyKeys, Number::toString.
 */
#ifndef Y_ANY_H
#define Y_ANY_H

#include "y/y.h"

#ifndef Y_ANY_DEPTH
#define Y_ANY_DEPTH 200
#endif

/* Moves behind one value, checking all of it. Sticky like every read; the error, or Y_OK. */
int y_any_skip(struct y_reader *r);

/* Appends a string of well-formed UTF-8 as JSON.stringify writes it, without quotes around it and with
 * them; bytes as it writes a Uint8Array. Y_OK or Y_ERR_NOMEM, after which some of it may be there. */
int y_json_escape(const uint8_t *s, size_t len, struct ybuf *out);
int y_json_string(const uint8_t *s, size_t len, struct ybuf *out);
int y_json_bytes(const uint8_t *p, size_t len, struct ybuf *out);

/* Appends a number as JavaScript writes it in JSON / as writeAny writes it. Y_OK or Y_ERR_NOMEM. */
int y_number_to_json(double v, struct ybuf *out);
int y_number_to_any(double v, struct ybuf *out);
/* The double nearest to a number in JSON's syntax, whatever the locale. */
double y_number_parse(const uint8_t *s, size_t len);

#endif
