import type { CallContext } from '../calls.ts';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';

/** Reads an object of the node's own store; templates come from there by `TemplateURL`. */
export type ReadObject = (bucket: string, key: string) => Promise<AsyncIterable<Uint8Array>>;

/** Reads objects with somebody's rights. */
export type ReadObjectAs = (by: CallContext) => ReadObject;

/** The text of the template at a `TemplateURL`. @throws validation */
export async function readTemplateUrl(url: string, readObject: ReadObject): Promise<string> {
  const { bucket, key } = objectOf(url);
  const { templateBytesMax } = CLOUDFORMATION_LIMITS;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of await readObject(bucket, key)) {
      size += chunk.length;
      // Any object may be named, and most are no templates.
      if (size > templateBytesMax) break;
      chunks.push(chunk);
    }
  } catch {
    throw invalid(`TemplateURL must reference a valid S3 object to which you have access: ${url}`);
  }
  if (size > templateBytesMax) throw invalid(`Template may not exceed ${templateBytesMax} bytes in size.`);
  return Buffer.concat(chunks).toString();
}

/** Bucket and key of `https://bucket.s3.region.amazonaws.com/key`, `https://s3.../bucket/key` or our own `http://host/bucket/key`. */
function objectOf(url: string): { readonly bucket: string; readonly key: string } {
  const parsed = URL.parse(url);
  if (!parsed) throw invalid('TemplateURL must be a supported URL.');
  const path = decoded(parsed.pathname.slice(1));
  const virtual = /^(.+)\.s3[.-][^/]*$/.exec(parsed.hostname);
  if (virtual) return { bucket: virtual[1]!, key: path };
  const slash = path.indexOf('/');
  if (parsed.protocol === 's3:' && parsed.hostname && path) return { bucket: parsed.hostname, key: path };
  if (slash <= 0 || slash === path.length - 1) throw invalid('TemplateURL must be a supported URL.');
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid('TemplateURL must be a supported URL.');
  }
}
