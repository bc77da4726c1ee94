import type { BucketInfo, ObjectInfo } from '../../store/index.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';

/** Headers that are kept with an object, by the member that carries them. */
const MEMBERS = {
  CacheControl: 'cache-control',
  ContentDisposition: 'content-disposition',
  ContentEncoding: 'content-encoding',
  ContentLanguage: 'content-language',
  ContentType: 'content-type',
  Expires: 'expires',
  WebsiteRedirectLocation: 'x-amz-website-redirect-location',
} as const;

const STORAGE_CLASS = 'x-amz-storage-class';
const USER = 'x-amz-meta-';
const DEFAULT_TYPE = 'binary/octet-stream';

/** Classes that are kept as a name: all content is on the node's disk, and at hand. */
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
];
/** Classes whose content would have to be restored before it is read. */
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE'];

/** The members of a request that are kept with the object. */
export interface MetadataInput {
  readonly Metadata?: Readonly<Record<string, string>>;
  readonly ContentEncoding?: string;
  readonly StorageClass?: string;
  readonly [member: string]: unknown;
}

/** What is kept with the object. @throws DomainError `metadata-too-large`, `storage-class-invalid`, `not-built`, `argument-invalid` */
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
  checkRedirect(stored[MEMBERS.WebsiteRedirectLocation]);
  const user = Object.entries(input.Metadata ?? {});
  checkSize(user);
  for (const [name, value] of user) stored[`${USER}${name.toLowerCase()}`] = value;
  return { ...stored, ...storageClass(input.StorageClass) };
}

/** What a copy keeps of its source: all but what belongs to the source's place. */
export function copiedMetadata({ metadata }: ObjectInfo, input: MetadataInput): Record<string, string> {
  const { [STORAGE_CLASS]: _class, [MEMBERS.WebsiteRedirectLocation]: _redirect, ...kept } = metadata;
  const { StorageClass, WebsiteRedirectLocation } = input;
  const own = { ...(StorageClass !== undefined && { StorageClass }), WebsiteRedirectLocation };
  return { ...kept, ...toStored(own) };
}

/** Members that tell of an object. */
export function describe(info: ObjectInfo, bucket: BucketInfo): Record<string, unknown> {
  const { etag, sizeBytes, lastModified, metadata, tags, retention, legalHold } = info;
  const tagCount = Object.keys(tags).length;
  const output: Record<string, unknown> = {
    AcceptRanges: 'bytes',
    ContentLength: sizeBytes,
    ContentType: DEFAULT_TYPE,
    ETag: quoted(etag),
    LastModified: wholeSeconds(lastModified),
    Metadata: userMetadata(metadata),
    VersionId: versionIdOf(info, bucket),
    ...(metadata[STORAGE_CLASS] !== undefined && { StorageClass: metadata[STORAGE_CLASS] }),
    ...(tagCount > 0 && { TagCount: tagCount }),
    ...(retention && { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: new Date(retention.until) }),
    ...(legalHold && { ObjectLockLegalHoldStatus: 'ON' }),
  };
  for (const [member, header] of Object.entries(MEMBERS)) {
    const value = metadata[header];
    if (value !== undefined) output[member] = member === 'Expires' ? new Date(value) : value;
  }
  return output;
}

/** As S3 shows it: nothing where a bucket has never kept versions. */
export function versionIdOf(
  { versionId }: { readonly versionId?: string },
  { versioning }: BucketInfo,
): string | undefined {
  return versionId ?? (versioning === undefined ? undefined : 'null');
}

/** Of an object or an upload. */
export function storageClassOf({ metadata }: Pick<ObjectInfo, 'metadata'>): string {
  return metadata[STORAGE_CLASS] ?? 'STANDARD';
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** S3 counts times of objects in seconds. */
export function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

/** `aws-chunked` is how the body came, not what it is. */
function contentEncoding(header: string | undefined): string {
  const codings = (header ?? '').split(',').map((coding) => coding.trim());
  return codings.filter((coding) => coding !== '' && coding !== 'aws-chunked').join(',');
}

function storageClass(name: string | undefined): Record<string, string> {
  if (name === undefined || name === 'STANDARD') return {};
  if (STORAGE_CLASSES.includes(name)) return { [STORAGE_CLASS]: name };
  if (!ARCHIVES.includes(name)) throw s3Error('storage-class-invalid', { fields: { StorageClassRequested: name } });
  const message = `Archives (${ARCHIVES.join(', ')}) are not built in Millrace; ${STORAGE_CLASSES.join(', ')} are`;
  throw s3Error('not-built', { message });
}

function checkRedirect(location: string | undefined): void {
  if (location === undefined || /^(?:\/|https?:\/\/)/.test(location)) return;
  throw s3Error('argument-invalid', {
    message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    fields: { ArgumentName: 'x-amz-website-redirect-location', ArgumentValue: location },
  });
}

function checkSize(user: readonly (readonly [string, string])[]): void {
  const { userMetadataBytesMax } = S3_LIMITS;
  const sizeBytes = user.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (sizeBytes <= userMetadataBytesMax) return;
  throw s3Error('metadata-too-large', { fields: { Size: sizeBytes, MaxSizeAllowed: userMetadataBytesMax } });
}

function userMetadata(metadata: ObjectInfo['metadata']): Record<string, string> {
  const entries = Object.entries(metadata).filter(([name]) => name.startsWith(USER));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(USER.length), value]));
}
