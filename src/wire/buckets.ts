import { authorityOf, type ClaimedHead } from './http.ts';
import { findDestination } from './route.ts';

/**
 * The bucket that a request is for, and the key in it (empty for the bucket itself), wherever the bucket stands; `undefined` where it is for
 * none, or for another service.
 */
export function bucketOf({
  method = 'GET',
  url = '/',
  headers,
}: ClaimedHead): { readonly bucket: string; readonly key: string } | undefined {
  const mark = url.indexOf('?');
  const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
  const head = { method, path, query, headers, authority: authorityOf({ headers }) };
  const destination = findDestination(head);
  if (destination.kind !== 'service' || destination.service !== 's3') return undefined;
  const [, bucket = '', rest = ''] = /^\/([^/]*)\/?(.*)$/s.exec(destination.path) ?? [];
  if (bucket === '') return undefined;
  try {
    return { bucket: decodeURIComponent(bucket), key: decodeURIComponent(rest) };
  } catch {
    return undefined;
  }
}
