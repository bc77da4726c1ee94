import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { invalid } from '../errors.ts';

/** Reads an object of the node's own store; templates come from there by `TemplateURL`. */
export type ReadObject = (bucket: string, key: string) => Promise<AsyncIterable<Uint8Array>>;

/** The text of the template at a `TemplateURL`. @throws validation */
export async function readTemplateUrl(url: string, readObject: ReadObject): Promise<string> {
  const { bucket, key } = objectOf(url);
  try {
    return await text(Readable.from(await readObject(bucket, key)));
  } catch {
    throw invalid(`TemplateURL must reference a valid S3 object to which you have access: ${url}`);
  }
}

/** Bucket and key of `https://bucket.s3.region.amazonaws.com/key`, `https://s3.../bucket/key` or our own `http://host/bucket/key`. */
function objectOf(url: string): { readonly bucket: string; readonly key: string } {
  const parsed = URL.parse(url);
  if (!parsed) throw invalid('TemplateURL must be a supported URL.');
  const path = decodeURIComponent(parsed.pathname.slice(1));
  const virtual = /^(.+)\.s3[.-][^/]*$/.exec(parsed.hostname);
  if (virtual) return { bucket: virtual[1]!, key: path };
  const slash = path.indexOf('/');
  if (parsed.protocol === 's3:' && parsed.hostname && path) return { bucket: parsed.hostname, key: path };
  if (slash <= 0 || slash === path.length - 1) throw invalid('TemplateURL must be a supported URL.');
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}
