/* Paths and queries in the one spelling that signatures are made over. */

/** All but A-Z a-z 0-9 - . _ ~ is percent-encoded, in upper case. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * The path to sign. S3 signs it encoded once, as it is sent; all others encode what is sent once more, after removing empty and
 * dot segments.
 */
export function canonicalPath(path: string, isS3: boolean): string {
  if (path === '/' || path === '') return '/';
  if (isS3) return /^[A-Za-z0-9\-._~/]*$/.test(path) ? path : encodePath(decodeLoosely(path));
  return encodePath(normalize(path));
}

function encodePath(path: string): string {
  return path.split('/').map(encodeStrictly).join('/');
}

/** Whether a path is in the spelling that is signed. */
export function isNormalPath(path: string): boolean {
  return path === '' || normalize(path) === path;
}

function normalize(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}${kept.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

/** Pairs sorted by their encoded names, then values; the signature itself is not part of what it signs. */
export function canonicalQuery(query: string): string {
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = encodeStrictly(decodePart(equals < 0 ? part : part.slice(0, equals)));
    if (name !== 'X-Amz-Signature')
      pairs.push([name, equals < 0 ? '' : encodeStrictly(decodePart(part.slice(equals + 1)))]);
  }
  pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function decodePart(text: string): string {
  return decodeLoosely(text.replaceAll('+', ' '));
}

/** What is not valid percent-encoding stands for itself, and will not match a signature. */
function decodeLoosely(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
