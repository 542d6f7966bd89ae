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

/* Appends the value of a JSON text. Numbers are integers up to 31 bits (and -0), float32 if that is
 * exact, else float64. Of equal keys the last counts, where the first stood; array indices stand
 * first, ascending. Half a surrogate pair becomes U+FFFD. Y_ERR_MALFORMED (what y_json_valid
 * refuses) or Y_ERR_NOMEM leave `out` as it was. */
int y_any_from_json(const void *json, size_t len, struct ybuf *out);

/* Appends the JSON text of one valid value. Undefined members are left out, undefined in arrays,
 * NaN and infinities are null, bytes are {"0":1,...}. Where JSON.stringify gives no text at all
 * this gives `undefined` for undefined and the decimal digits of a bigint. A member `__proto__` is
 * left out: readAny loses it too. Y_ERR_MALFORMED if it is not one valid value, or Y_ERR_NOMEM;
 * `out` as it was. */
int y_any_to_json(const void *any, size_t len, struct ybuf *out);

/* Appends a number as JavaScript writes it in JSON / as writeAny writes it. Y_OK or Y_ERR_NOMEM. */
int y_number_to_json(double v, struct ybuf *out);
int y_number_to_any(double v, struct ybuf *out);
/* The double nearest to a number in JSON's syntax, whatever the locale. */
double y_number_parse(const uint8_t *s, size_t len);

#endif
