/* The spellings of a path: one resource may be asked for in many. */

/** A path in which nothing is encoded that need not be: `%61` is the letter itself to whoever is behind the API. */
export function plainPath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : encoded;
  });
}

/** What a segment of a path may hold as it is (RFC 3986, `pchar`) and `encodeURIComponent` encodes. */
const PLAIN = /%(?:24|26|2B|2C|3A|3B|3D|40)/g;

/**
 * The one path that policies are asked about, however the request has spelled it: what need not be encoded is not, all else is in upper case,
 * and no slash stands at the end. Whoever may not ask for `/orders/secret` may not ask for `/orders/%73ecret/` either.
 */
export function policyPath(path: string): string {
  const segments = path.replace(/\/+$/, '').split('/');
  return segments.length > 1 ? segments.map(plainSegment).join('/') : '/';
}

function plainSegment(segment: string): string {
  if (/^[\w.~-]*$/.test(segment)) return segment;
  let text = segment;
  try {
    text = decodeURIComponent(segment);
  } catch {
    // Not in percent-encoding: it stands for itself.
  }
  return encodeURIComponent(text.toWellFormed()).replace(PLAIN, decodeURIComponent);
}
