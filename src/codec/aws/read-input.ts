import type { Read } from './reader.ts';
import { Trail } from './trail.ts';

// Reading is synchronous and never nests, so one trail serves all requests.
const trail = new Trail();

/** Reads a value from its beginning; @throws ReadFailure over all constraints that it breaks */
export function readWhole(read: Read, value: unknown): unknown {
  return reading((at) => read(value, at));
}

/** The same for a reader that walks by itself. */
export function reading<T>(read: (trail: Trail) => T): T {
  trail.reset();
  const input = read(trail);
  const failure = trail.finish();
  if (failure) throw failure;
  return input;
}
