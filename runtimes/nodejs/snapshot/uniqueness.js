'use strict';
/**
 * What must differ between environments that start from one snapshot. V8 seeds `Math.random` anew and Node's clocks begin anew by
 * themselves, and OpenSSL's state is not part of a snapshot. But Node draws random bytes ahead and keeps them on the heap.
 */
const crypto = require('node:crypto');

/** How many UUIDs Node makes ahead. */
const UUIDS_AHEAD = 128;
/** Bytes that `crypto.randomInt` draws ahead, six for each number. */
const NUMBERS_AHEAD = (6 * 1024) / 6;

/** Uses up all that was drawn before the snapshot. */
function fresh() {
  for (let count = 0; count < UUIDS_AHEAD; count++) crypto.randomUUID();
  for (let count = 0; count < NUMBERS_AHEAD; count++) crypto.randomInt(2);
}

module.exports = { fresh };
