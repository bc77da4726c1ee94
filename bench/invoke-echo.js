/** The floor of a warm invocation: the same pipe, the same blocking read, and nothing else. */
import { readSync, writeSync } from 'node:fs';

const bytes = Buffer.alloc(65_536);
function step() {
  const length = readSync(3, bytes, 0, bytes.length, null);
  if (length === 0) process.exit();
  writeSync(3, bytes, 0, length);
  setImmediate(step);
}
step();
