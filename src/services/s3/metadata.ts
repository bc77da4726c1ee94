import type { ObjectInfo } from '../../store/index.ts';

const TAGGING = 'x-amz-tagging';

/** Headers that are kept with an object, by the member that carries them. */
const MEMBERS = {
  CacheControl: 'cache-control',
  ContentDisposition: 'content-disposition',
  ContentEncoding: 'content-encoding',
  ContentLanguage: 'content-language',
  ContentType: 'content-type',
  Expires: 'expires',
  /** Shown by GetObjectTagging only. */
  Tagging: TAGGING,
  WebsiteRedirectLocation: 'x-amz-website-redirect-location',
} as const;

const USER = 'x-amz-meta-';
const DEFAULT_TYPE = 'binary/octet-stream';

/** The members of a request that are kept with the object. */
export interface MetadataInput {
  readonly Metadata?: Readonly<Record<string, string>>;
  readonly ContentEncoding?: string;
  readonly [member: string]: unknown;
}

/** What is kept with the object. */
export function toStored(input: MetadataInput): Record<string, string> {
  const stored: Record<string, string> = {};
  for (const [member, header] of Object.entries(MEMBERS)) {
    const value = input[member];
    if (value instanceof Date) stored[header] = value.toUTCString();
    else if (typeof value === 'string') stored[header] = value;
  }
  const encoding = contentEncoding(input.ContentEncoding);
  if (encoding) stored['content-encoding'] = encoding;
  else delete stored['content-encoding'];
  for (const [name, value] of Object.entries(input.Metadata ?? {})) stored[`${USER}${name.toLowerCase()}`] = value;
  return stored;
}

/** The tags that an object was put with. */
export function tagsOf({ metadata }: ObjectInfo): { readonly Key: string; readonly Value: string }[] {
  return [...new URLSearchParams(metadata[TAGGING] ?? '')].map(([Key, Value]) => ({ Key, Value }));
}

/** Members that tell of an object. */
export function describe({ etag, sizeBytes, lastModified, metadata }: ObjectInfo): Record<string, unknown> {
  const output: Record<string, unknown> = {
    AcceptRanges: 'bytes',
    ContentLength: sizeBytes,
    ContentType: DEFAULT_TYPE,
    ETag: quoted(etag),
    LastModified: wholeSeconds(lastModified),
    Metadata: userMetadata(metadata),
  };
  for (const [member, header] of Object.entries(MEMBERS)) {
    const value = metadata[header];
    if (value !== undefined) output[member] = member === 'Expires' ? new Date(value) : value;
  }
  return output;
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** S3 counts times of objects in seconds. */
export function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

/** `aws-chunked` is how the body came, not what it is. */
export function contentEncoding(header: string | undefined): string {
  const codings = (header ?? '').split(',').map((coding) => coding.trim());
  return codings.filter((coding) => coding !== '' && coding !== 'aws-chunked').join(',');
}

export function isChunked(header: string | undefined): boolean {
  return /(^|,)\s*aws-chunked\s*(,|$)/.test(header ?? '');
}

function userMetadata(metadata: ObjectInfo['metadata']): Record<string, string> {
  const entries = Object.entries(metadata).filter(([name]) => name.startsWith(USER));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(USER.length), value]));
}
