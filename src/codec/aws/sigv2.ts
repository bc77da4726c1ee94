/*
 * Version 2 presigned URLs of S3, which boto3 makes by default in us-east-1:
 *
 *   Signature = Base64(HMAC-SHA1(secret, method \n Content-MD5 \n Content-Type \n Expires \n x-amz- headers resource))
 *
 * @see S3 developer guide (2006-03-01), "Signing and authenticating REST requests"
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RequestParts } from './protocol.ts';
import { mismatch, SignatureFailure } from './sigv4.ts';

/** What a Version 2 URL says of itself. */
export interface Version2Claim {
  readonly accessKeyId: string;
  readonly signature: string;
  /** Epoch seconds, as they are signed. */
  readonly expires: string;
  readonly sessionToken: string | undefined;
}

/**
 * Parts of the query that name a resource or change its answer, and so are signed: whatever makes another operation of a request is
 * one, or a link to read an object would be one to do something else to it.
 */
const SIGNED_QUERY = new Set([
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'location',
  'logging',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'partNumber',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'restore',
  'retention',
  'select',
  'select-type',
  'session',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

/** The claim of a presigned URL; `undefined` where there is none. */
export function parseVersion2Claim(request: RequestParts): Version2Claim | undefined {
  if (!request.query.includes('AWSAccessKeyId=')) return undefined;
  const query = new URLSearchParams(request.query);
  const [accessKeyId, signature, expires] = ['AWSAccessKeyId', 'Signature', 'Expires'].map((name) => query.get(name));
  if (!accessKeyId || !signature || !/^\d{1,12}$/.test(expires ?? '')) {
    throw new SignatureFailure(
      'incomplete',
      'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    );
  }
  return { accessKeyId, signature, expires: expires!, sessionToken: query.get('x-amz-security-token') ?? undefined };
}

/** @param now  epoch milliseconds; @throws SignatureFailure */
export function verifyVersion2(claim: Version2Claim, request: RequestParts, secret: string, now: number): void {
  if (now > Number(claim.expires) * 1000) throw new SignatureFailure('expired', 'Request has expired');
  const header = (name: string) => String(request.headers[name] ?? '');
  const lines = [request.method, header('content-md5'), header('content-type'), claim.expires];
  const toSign = `${lines.join('\n')}\n${amazonHeaders(claim, request)}${request.path}${signedQuery(request.query)}`;
  const expected = createHmac('sha1', secret).update(toSign).digest();
  const given = Buffer.from(claim.signature, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(expected, given)) throw mismatch();
}

/** The token is in the query, and signed as the header it would have been. */
function amazonHeaders({ sessionToken }: Version2Claim, { headers }: RequestParts): string {
  const all = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-'));
  if (sessionToken !== undefined) all.push(['x-amz-security-token', sessionToken]);
  return all
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${String(value).trim()}\n`)
    .join('');
}

function signedQuery(query: string): string {
  const signed = [...new URLSearchParams(query)]
    .filter(([name]) => SIGNED_QUERY.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return signed.length === 0
    ? ''
    : `?${signed.map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join('&')}`;
}
