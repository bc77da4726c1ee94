/** Names a letter across places, and where a reading goes on: opaque to clients, plain to us. */

export interface Reference {
  readonly place: string;
  /** Absent only in a cursor that stands before the first letter of its place. */
  readonly key?: string;
}

export function encodeReference({ place, key }: Reference): string {
  return Buffer.from(JSON.stringify(key === undefined ? [place] : [place, key])).toString('base64url');
}

/** `undefined` for a text that is none of ours. */
export function decodeReference(text: string): Reference | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(parts) || parts.length > 2 || !parts.every((part) => typeof part === 'string')) return undefined;
    const [place, key] = parts as string[];
    return place === undefined ? undefined : { place, ...(key !== undefined && { key }) };
  } catch {
    return undefined;
  }
}
