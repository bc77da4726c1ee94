/** Calls of S3: buckets, listings, objects. */
import { ApiError, signedInAs } from '../api.ts';
import { signed } from '../aws.ts';
import { encoded, queryOf } from '../encoding.ts';

const UNSIGNED = 'UNSIGNED-PAYLOAD';
const PAGE = 200;

interface S3Call {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Blob;
}

/** @param key  empty for the bucket itself; @throws ApiError */
async function callS3(bucket: string, key: string, call: S3Call, signal: AbortSignal): Promise<Response> {
  const { method = 'GET', query = {}, headers = {}, body } = call;
  const path = pathOf(bucket, key);
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const text = queryOf(pairs);
  const own = { ...headers, 'x-amz-content-sha256': UNSIGNED };
  const parts = { method, path, query: text, headers: own, body: '', payload: UNSIGNED };
  const all = signedInAs() ? { ...own, ...(await signed('s3', parts)) } : headers;
  let response: Response;
  try {
    response = await fetch(text === '' ? path : `${path}?${text}`, {
      method,
      headers: all,
      signal,
      body: body ?? null,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError('The node does not answer.', 0, 'unreachable');
  }
  if (response.ok) return response;
  const problem = documentOf(await response.text());
  const code = textOf(problem, 'Code') ?? String(response.status);
  throw new ApiError(
    textOf(problem, 'Message') ?? response.statusText,
    wantsKey(response.status, code) ? 401 : response.status,
    code,
    response.headers.get('x-amz-request-id') ?? undefined,
  );
}

/** S3 tells whoever has no key, or a wrong one, that it is denied: with the right one it may not be. */
function wantsKey(status: number, code: string): boolean {
  return (status === 403 && !signedInAs()) || /^(?:InvalidAccessKeyId|SignatureDoesNotMatch)$/.test(code);
}

/** Browsers resolve dots in paths, encoded or not: such keys cannot be asked for. */
function pathOf(bucket: string, key: string): string {
  const segments = key === '' ? [] : key.split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new ApiError('Browsers cannot ask for keys with . or .. as a folder: use the aws CLI.', 0, 'path-resolved');
  }
  return `/${[bucket, ...segments].map(encoded).join('/')}`;
}

function documentOf(text: string): Element {
  return new DOMParser().parseFromString(text, 'text/xml').documentElement;
}

function childrenOf(element: Element, name: string): readonly Element[] {
  return [...element.children].filter(({ localName }) => localName === name);
}

function textOf(element: Element, name: string): string | undefined {
  return childrenOf(element, name)[0]?.textContent ?? undefined;
}

export interface Bucket {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export async function listBuckets(signal: AbortSignal): Promise<readonly Bucket[]> {
  const root = documentOf(await (await callS3('', '', {}, signal)).text());
  return childrenOf(childrenOf(root, 'Buckets')[0] ?? root, 'Bucket').map((bucket) => ({
    name: textOf(bucket, 'Name') ?? '',
    createdAt: Date.parse(textOf(bucket, 'CreationDate') ?? ''),
  }));
}

/** An object, a version of one, or a delete marker. */
export interface Entry {
  readonly key: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly versionId?: string;
  readonly isLatest?: boolean;
  readonly isMarker?: boolean;
}

export interface Listing {
  readonly folders: readonly string[];
  readonly entries: readonly Entry[];
  /** What asks for the next page. */
  readonly next?: Readonly<Record<string, string>>;
}

/** One page of what is directly in a folder. @param prefix  of the folder, with the slash at its end */
export async function list(
  bucket: string,
  prefix: string,
  versions: boolean,
  from: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Listing> {
  const kind: Readonly<Record<string, string>> = versions ? { versions: '' } : { 'list-type': '2' };
  const common = { delimiter: '/', prefix, 'encoding-type': 'url', 'max-keys': String(PAGE) };
  const answer = await callS3(bucket, '', { query: { ...kind, ...common, ...from } }, signal);
  const root = documentOf(await answer.text());
  const next = nextOf(root, versions);
  return {
    folders: childrenOf(root, 'CommonPrefixes').map((one) => plain(textOf(one, 'Prefix'))),
    entries: [...root.children].filter(({ localName }) => isEntry(localName)).map(entryOf),
    ...(textOf(root, 'IsTruncated') === 'true' && { next }),
  };
}

const isEntry = (name: string) => name === 'Contents' || name === 'Version' || name === 'DeleteMarker';

function nextOf(root: Element, versions: boolean): Record<string, string> {
  if (!versions) return { 'continuation-token': textOf(root, 'NextContinuationToken') ?? '' };
  const id = textOf(root, 'NextVersionIdMarker');
  return { 'key-marker': plain(textOf(root, 'NextKeyMarker')), ...(id && { 'version-id-marker': id }) };
}

function entryOf(element: Element): Entry {
  const versionId = textOf(element, 'VersionId');
  return {
    key: plain(textOf(element, 'Key')),
    sizeBytes: Number(textOf(element, 'Size') ?? 0),
    modifiedAt: Date.parse(textOf(element, 'LastModified') ?? ''),
    ...(versionId !== undefined && { versionId, isLatest: textOf(element, 'IsLatest') === 'true' }),
    ...(element.localName === 'DeleteMarker' && { isMarker: true }),
  };
}

/** Keys come encoded, since XML holds not all that they may be. */
function plain(text = ''): string {
  return decodeURIComponent(text.replaceAll('+', '%20'));
}

const version = ({ versionId }: Pick<Entry, 'versionId'>) => ({ versionId });

/** What is known of an object: headers of its answer. */
export async function headObject(bucket: string, entry: Entry, signal: AbortSignal): Promise<Headers> {
  return (await callS3(bucket, entry.key, { method: 'HEAD', query: version(entry) }, signal)).headers;
}

/** @param bytesMax  of its beginning; all of it unless given */
export async function readObject(
  bucket: string,
  entry: Entry,
  bytesMax: number | undefined,
  signal: AbortSignal,
): Promise<Blob> {
  const isPart = bytesMax !== undefined && entry.sizeBytes > bytesMax;
  const headers: Record<string, string> = isPart ? { range: `bytes=0-${bytesMax - 1}` } : {};
  return (await callS3(bucket, entry.key, { query: version(entry), headers }, signal)).blob();
}

export async function putObject(bucket: string, key: string, file: File, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': file.type || 'application/octet-stream' };
  await callS3(bucket, key, { method: 'PUT', headers, body: file }, signal);
}

export async function deleteObject(bucket: string, entry: Entry, signal: AbortSignal): Promise<void> {
  await callS3(bucket, entry.key, { method: 'DELETE', query: version(entry) }, signal);
}
