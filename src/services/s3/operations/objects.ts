import { type DomainError, hasCode } from '../../../base/index.ts';
import type { ByteRange, ObjectInfo, Objects, PutOptions } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { md5Of, streamOf } from '../bodies.ts';
import { checkConditions, parseRange, unquoted } from '../conditions.ts';
import { openCopySource, parseCopySource } from '../copy-source.ts';
import { S3_ANSWERS, s3Error, translate } from '../errors.ts';
import { describe, isChunked, quoted, tagsOf, toStored, wholeSeconds } from '../metadata.ts';

/** How often a read begins anew because the object was replaced between its head and its body. */
const READ_ATTEMPTS_MAX = 10;

/** Keys of one DeleteObjects. */
const DELETE_KEYS_MAX = 1000;

export function objectOperations(objects: Objects): Record<string, Operation> {
  return {
    PutObject: async (input) => {
      const { etag } = await objects.put(input.Bucket, input.Key, streamOf(input.Body), putOptions(input));
      return { ETag: quoted(etag) };
    },

    GetObject: async (input) => {
      const { info, range, body } = await open(objects, input);
      return { ...describe(info), ...overrides(input), ...rangeMembers(info, range), Body: body };
    },

    HeadObject: async (input) => {
      const info = await objects.head(input.Bucket, input.Key);
      checkConditions(info, input);
      const range = parseRange(input.Range, info.sizeBytes);
      return { ...describe(info), ...overrides(input), ...rangeMembers(info, range) };
    },

    GetObjectTagging: async ({ Bucket, Key }) => ({ TagSet: tagsOf(await objects.head(Bucket, Key)) }),

    DeleteObject: async ({ Bucket, Key }) => {
      await objects.delete(Bucket, Key);
      return {};
    },

    DeleteObjects: async ({ Bucket, Delete }) => {
      const keys: string[] = (Delete?.Objects ?? []).map(({ Key }: { Key: string }) => Key);
      if (keys.length === 0 || keys.length > DELETE_KEYS_MAX) throw s3Error('malformed');
      const outcomes = await Promise.all(keys.map((key) => deleteOne(objects, Bucket, key)));
      const errors = outcomes.filter((error) => error !== undefined);
      const deleted = keys.filter((_, index) => outcomes[index] === undefined).map((Key) => ({ Key }));
      return { ...(Delete.Quiet ? {} : { Deleted: deleted }), ...(errors.length > 0 && { Errors: errors }) };
    },

    CopyObject: async (input) => {
      const source = parseCopySource(input.CopySource);
      const replaces = input.MetadataDirective === 'REPLACE';
      if (!replaces && source.bucket === input.Bucket && source.key === input.Key) {
        const message =
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
        throw s3Error('copy-onto-itself', { message });
      }
      const { info, body } = await openCopySource(objects, input);
      const metadata = replaces ? toStored(input) : info.metadata;
      const copy = await objects.put(input.Bucket, input.Key, body, { metadata });
      return { CopyObjectResult: { ETag: quoted(copy.etag), LastModified: wholeSeconds(copy.lastModified) } };
    },
  };
}

/** Options of a put, from the members of PutObject and of UploadPart. */
export function putOptions(input: any): PutOptions {
  return {
    metadata: toStored(input),
    ...md5Of(input.ContentMD5),
    ...lengthOf(input),
    ...(input.IfNoneMatch === '*' && { ifNoneMatch: '*' as const }),
    ...(input.IfMatch !== undefined && { ifMatch: unquoted(input.IfMatch) }),
  };
}

/** The announced length of a chunked body is that of its chunks; the wire checks what they hold. */
export function lengthOf(input: { ContentLength?: number; ContentEncoding?: string }): { contentLength?: number } {
  const unknown = input.ContentLength === undefined || isChunked(input.ContentEncoding);
  return unknown ? {} : { contentLength: input.ContentLength! };
}

/** The body of the very object that the conditions and the range were looked at for. */
async function open(objects: Objects, input: any) {
  for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
    const head = await objects.head(input.Bucket, input.Key);
    checkConditions(head, input);
    const range = parseRange(input.Range, head.sizeBytes);
    const opened = await objects.get(input.Bucket, input.Key, range && { range }).catch(ifReplaced);
    if (opened?.info.etag === head.etag) return { info: opened.info, range, body: opened.body };
    if (opened) await discard(opened.body);
  }
  throw s3Error('objects-failed', { message: 'the object is replaced faster than it can be read' });
}

function ifReplaced(error: unknown): undefined {
  if (!hasCode(error, 'range-invalid')) throw error;
}

async function discard(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body) break;
}

function rangeMembers({ sizeBytes }: ObjectInfo, range: ByteRange | undefined) {
  if (!range) return {};
  const { start, end } = range;
  return { ContentLength: end - start + 1, ContentRange: `bytes ${start}-${end}/${sizeBytes}` };
}

/** `response-content-type` and its like, which presigned links carry. */
function overrides(input: any): Record<string, unknown> {
  const names = ['CacheControl', 'ContentDisposition', 'ContentEncoding', 'ContentLanguage', 'ContentType', 'Expires'];
  const given = names.filter((name) => input[`Response${name}`] !== undefined);
  return Object.fromEntries(given.map((name) => [name, input[`Response${name}`]]));
}

async function deleteOne(objects: Objects, bucket: string, key: string) {
  try {
    await objects.delete(bucket, key);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'bucket-not-found')) throw error;
    const { code, message } = translate(error, { Bucket: bucket, Key: key }) as DomainError<keyof typeof S3_ANSWERS>;
    return { Key: key, Code: S3_ANSWERS[code]?.type ?? 'InternalError', Message: message };
  }
}
