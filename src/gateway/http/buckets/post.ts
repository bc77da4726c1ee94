/*
 * Objects that browsers' forms send: POST to a bucket.
 *
 *     fields -> who signed the policy? -> does the form keep to it? -> may the signer put? -> file, counted as it comes -> answer or redirect
 *
 * @see Amazon S3 API reference, "Browser-based uploads using POST"
 */
import { uuid } from '../../../base/index.ts';
import type { Caller, OperationContext } from '../../../services/index.ts';
import { checkPostPolicy, type PostFields, s3Error } from '../../../services/s3/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import { authorityOf, type HttpRequest, type HttpResponse } from '../../../wire/index.ts';
import { escaped } from './answers.ts';
import { boundaryOf, openForm } from './form.ts';
import type { BucketRoutesOptions } from './routes.ts';

/** Members of PutObject by the field that carries them. */
const MEMBERS: Readonly<Record<string, string>> = {
  acl: 'ACL',
  'cache-control': 'CacheControl',
  'content-disposition': 'ContentDisposition',
  'content-encoding': 'ContentEncoding',
  'content-language': 'ContentLanguage',
  'content-type': 'ContentType',
  'content-md5': 'ContentMD5',
  'x-amz-storage-class': 'StorageClass',
  'x-amz-website-redirect-location': 'WebsiteRedirectLocation',
  'x-amz-server-side-encryption': 'ServerSideEncryption',
  'x-amz-server-side-encryption-aws-kms-key-id': 'SSEKMSKeyId',
  'x-amz-server-side-encryption-customer-algorithm': 'SSECustomerAlgorithm',
  'x-amz-server-side-encryption-customer-key': 'SSECustomerKey',
  'x-amz-server-side-encryption-customer-key-md5': 'SSECustomerKeyMD5',
  'x-amz-object-lock-mode': 'ObjectLockMode',
  'x-amz-object-lock-legal-hold': 'ObjectLockLegalHoldStatus',
  'x-amz-checksum-algorithm': 'ChecksumAlgorithm',
  'x-amz-checksum-crc32': 'ChecksumCRC32',
  'x-amz-checksum-crc32c': 'ChecksumCRC32C',
  'x-amz-checksum-crc64nvme': 'ChecksumCRC64NVME',
  'x-amz-checksum-sha1': 'ChecksumSHA1',
  'x-amz-checksum-sha256': 'ChecksumSHA256',
};

const USER = 'x-amz-meta-';

export async function answerPost(
  options: BucketRoutesOptions,
  bucket: string,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  if (!(await options.s3.site(bucket))) throw s3Error('bucket-not-found', { fields: { BucketName: bucket } });
  const form = await openForm(request, boundaryOf(String(request.headers['content-type'])));
  const { fields } = form;
  const key = fields.get('key')?.replaceAll('${filename}', () => baseName(form.file.name));
  if (!key) {
    throw s3Error('argument-invalid', {
      message:
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      fields: { ArgumentName: 'key', ArgumentValue: '' },
    });
  }
  const { caller, region } = options.postSigner(fields);
  const policy = fields.get('policy');
  const range = policy === undefined ? undefined : checkPostPolicy(policy, bucket, fields, options.clock.now());
  const input = { ...inputOf(fields), Bucket: bucket, Key: key };
  const context = contextOf(options, request, response, caller, region);
  const asked = { caller, operation: 'PutObject', input, region, requestId: context.requestId, request };
  const { ETag, VersionId } = await options.perform(asked, (): Promise<Put> => {
    const Body = counted(form.file.content, range ?? { min: 0, max: OBJECT_BYTES_MAX });
    return options.s3.post({ ...input, Body }, context) as Promise<Put>;
  });
  answer(response, fields, { bucket, key, etag: ETag, versionId: VersionId, base: baseOf(request, bucket) }, context);
}

/** Largest object that one request puts. */
const OBJECT_BYTES_MAX = 5 * 1024 ** 3;

interface Put {
  readonly ETag: string;
  readonly VersionId?: string;
}

/** Old browsers give the whole path of the file. */
function baseName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

/** What the file's own part says of its type counts for nothing, as on S3: the policy speaks of fields. */
function inputOf(fields: PostFields): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const Metadata: Record<string, string> = {};
  for (const [name, value] of fields) {
    const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (member) input[member] = value;
    else if (name.startsWith(USER)) Metadata[metadataName(name)] = value;
  }
  const until = fields.get('x-amz-object-lock-retain-until-date');
  if (until !== undefined) input.ObjectLockRetainUntilDate = dateOf(until);
  const expires = fields.get('expires');
  if (expires !== undefined) input.Expires = dateOf(expires);
  const tagging = fields.get('tagging');
  if (tagging !== undefined) input.Tagging = taggingOf(tagging);
  return { ...input, ...(Object.keys(Metadata).length > 0 && { Metadata }) };
}

/** It becomes the name of a header when the object is read. */
function metadataName(field: string): string {
  if (/^[!#$%&'*+.^`|~\w-]+$/.test(field) && field.length > USER.length) return field.slice(USER.length);
  throw s3Error('argument-invalid', { message: 'No header can have this name.', fields: { ArgumentName: field } });
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw s3Error('argument-invalid', { message: `Not a date: ${text}` });
  return date;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const TAG = /<Tag>\s*<Key>([^<]*)<\/Key>\s*<Value>([^<]*)<\/Value>\s*<\/Tag>\s*/g;

/** The field has tags in XML, where the header of PutObject has them as a query. */
function taggingOf(xml: string): string {
  const inner = /^\s*(?:<\?xml[^>]*\?>)?\s*<Tagging[^>]*>\s*<TagSet>\s*(.*?)\s*<\/TagSet>\s*<\/Tagging>\s*$/s.exec(
    xml,
  )?.[1];
  if (inner === undefined || inner.replace(TAG, '').trim() !== '') throw s3Error('malformed');
  const plain = (text = '') => text.replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
  const tags = [...inner.matchAll(TAG)].map(([, key, value]) => [plain(key), plain(value)] as const);
  return tags.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
}

/** The content, ended with an error where it is longer or shorter than the policy lets it be: then nothing is put. */
async function* counted(
  content: AsyncIterable<Uint8Array>,
  { min, max }: { readonly min: number; readonly max: number },
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > max) throw s3Error('body-too-long', { fields: { ProposedSize: size, MaxSizeAllowed: max } });
    yield chunk;
  }
  if (size < min) throw s3Error('body-too-short', { fields: { ProposedSize: size, MinSizeAllowed: min } });
}

function contextOf(
  { random }: BucketRoutesOptions,
  request: HttpRequest,
  response: HttpResponse,
  caller: Caller,
  region: string,
): OperationContext {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return {
    requestId: uuid(random),
    region,
    caller,
    sourceIp: request.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, ''),
    endpoint: `http://${authorityOf(request)}`,
    signal: gone.signal,
    trace: newTrace(random),
  };
}

/** Where the objects of the bucket are, as the browser has called it. */
function baseOf(request: HttpRequest, bucket: string): string {
  const isInPath = (request.url ?? '').startsWith(`/${encodeURIComponent(bucket)}`);
  return `http://${authorityOf(request)}${isInPath ? `/${bucket}` : ''}`;
}

interface Posted {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly base: string;
}

function answer(
  response: HttpResponse,
  fields: PostFields,
  { bucket, key, etag, versionId, base }: Posted,
  { requestId }: OperationContext,
): void {
  const location = `${base}/${encodeURIComponent(key)}`;
  const headers = {
    etag,
    location,
    'x-amz-request-id': requestId,
    ...(versionId && { 'x-amz-version-id': versionId }),
  };
  const redirect = redirectOf(fields.get('success_action_redirect') ?? fields.get('redirect'));
  if (redirect) {
    redirect.searchParams.append('bucket', bucket);
    redirect.searchParams.append('key', key);
    redirect.searchParams.append('etag', etag);
    response.writeHead(303, { ...headers, location: redirect.href }).end();
    return;
  }
  const wanted = fields.get('success_action_status');
  if (wanted === '201') {
    const members = { Location: location, Bucket: bucket, Key: key, ETag: etag };
    const body = Object.entries(members).map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
    response
      .writeHead(201, { ...headers, 'content-type': 'application/xml' })
      .end(`<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>${body.join('')}</PostResponse>`);
    return;
  }
  response.writeHead(wanted === '200' ? 200 : 204, headers).end();
}

/** A URL that no page is to be led to (a script, a file) is as good as none: S3 takes no others either. */
function redirectOf(text: string | undefined): URL | undefined {
  const url = text === undefined ? null : URL.parse(text);
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined;
}
