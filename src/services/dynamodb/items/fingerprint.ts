import { createHash } from 'node:crypto';
import { base64 } from '../model/stored.ts';

/** What equal requests have in common, and others do not: a hash of 32 bytes. */
export function fingerprintOf(request: unknown): Buffer {
  return createHash('sha256').update(canonical(request)).digest();
}

/** JSON whose members are in order, since those of an object have none; megabytes of binaries are not taken apart into numbers. */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `"${base64(value)}"`;
  if (value instanceof Date) return String(value.getTime());
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}
