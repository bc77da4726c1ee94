/** A value as AWS's messages show it, which is Java's `toString`; long ones are cut (S5). */
export function showValue(value: unknown): string {
  const text = show(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}

const SHOWN_MAX = 4096;

function show(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) {
    return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : value.toUTCString();
  if (Array.isArray(value)) return `[${value.slice(0, 100).map(show).join(', ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).slice(0, 100);
    return `{${entries.map(([key, one]) => `${key}=${show(one)}`).join(', ')}}`;
  }
  return String(value);
}
