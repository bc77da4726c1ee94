/** Names a letter across places, and where a reading goes on: opaque to clients, plain to us. */

export interface Reference {
  readonly place: string;
  /** Absent only in a cursor that stands before the first letter of its place. */
  readonly key?: string;
  /** When what goes on with it began, epoch milliseconds. */
  readonly begunAt?: number;
}

export function encodeReference({ place, key, begunAt }: Reference): string {
  const parts = key === undefined ? [place] : begunAt === undefined ? [place, key] : [place, key, begunAt];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** `undefined` for a text that is none of ours. */
export function decodeReference(text: string): Reference | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(parts) || parts.length === 0 || parts.length > 3) return undefined;
    const [place, key, begunAt] = parts as unknown[];
    if (typeof place !== 'string' || (parts.length > 1 && typeof key !== 'string')) return undefined;
    if (parts.length > 2 && !Number.isFinite(begunAt)) return undefined;
    return {
      place,
      ...(parts.length > 1 && { key: key as string }),
      ...(parts.length > 2 && { begunAt: begunAt as number }),
    };
  } catch {
    return undefined;
  }
}
