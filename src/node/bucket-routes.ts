import { createHmac, timingSafeEqual } from 'node:crypto';
import { ACCOUNT_ID, DEFAULT_REGION, formatArn } from '../base/index.ts';
import { type BucketRoutesOptions, bucketRoutes, type PostSigner } from '../gateway/http/index.ts';
import type { AccessKey, Caller, Credentials, Service } from '../services/index.ts';
import { type S3, s3Error } from '../services/s3/index.ts';
import type { Audit, Authorize } from '../wire/index.ts';

const ROOT: Caller = { accountId: ACCOUNT_ID, arn: formatArn('iam', '', ACCOUNT_ID, 'root') };
const NOBODY: Caller = { accountId: 'anonymous', arn: 'anonymous', unsigned: true };

/** Buckets for browsers on the node's port. */
export function buckets(
  options: Pick<BucketRoutesOptions, 'mode' | 'clock' | 'random' | 'logger'> & {
    readonly s3: S3;
    readonly credentials: Credentials;
    readonly authorize: Authorize;
    readonly audit: Audit;
  },
): ReturnType<typeof bucketRoutes> {
  const { mode, s3, authorize, audit } = options;
  // Whoever comes without a signature is the account itself in `dev`.
  const anybody = mode === 'dev' ? { ...ROOT, unsigned: true as const } : NOBODY;
  return bucketRoutes({
    ...options,
    visitor: anybody,
    postSigner: postSigner(options, anybody),
    perform: async (call, make) => {
      const asked = { ...call, service: s3.service };
      const verdict = await authorize(asked);
      try {
        if (!verdict.allowed) throw s3Error('access-denied', { message: verdict.message });
        const output = await make();
        audit(asked, undefined, verdict);
        return output;
      } catch (error) {
        audit(asked, failureOf(s3.service, error), verdict);
        throw error;
      }
    },
  });
}

/** An error as the audit log has it. */
function failureOf({ errors }: Service, error: unknown) {
  const { code = '', message = '' } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  const { type, status } = errors[code] ?? { type: 'InternalError', status: 500 };
  return { type, status, message };
}

/** Finds out who has signed a form's policy, by Signature Version 4 or 2; `dev` takes any signature. */
function postSigner(
  { mode, credentials, clock }: Pick<BucketRoutesOptions, 'mode' | 'clock'> & { readonly credentials: Credentials },
  anybody: Caller,
): PostSigner {
  const isSecured = mode === 'secured';
  return (fields) => {
    const policy = fields.get('policy');
    if (policy === undefined) return { caller: anybody, region: DEFAULT_REGION };
    const credential = fields.get('x-amz-credential');
    const accessKeyId = credential?.split('/')[0] ?? fields.get('awsaccesskeyid');
    if (!accessKeyId) throw missing(fields.has('x-amz-algorithm') ? 'x-amz-credential' : 'AWSAccessKeyId');
    const key = credentials.secretFor(accessKeyId);
    const region = credential?.split('/')[2] || DEFAULT_REGION;
    if (!isSecured) return { caller: key?.caller ?? { ...ROOT, accessKeyId }, region };
    if (!key) throw s3Error('access-key-unknown');
    checkToken(key, fields.get('x-amz-security-token'), clock.now());
    if (credential !== undefined) {
      if (fields.get('x-amz-algorithm') !== 'AWS4-HMAC-SHA256') throw missing('x-amz-algorithm');
      checkSignature(version4(key.secret, credential, policy), fields.get('x-amz-signature'));
    } else checkSignature(version2(key.secret, policy), fields.get('signature'));
    return { caller: key.caller, region };
  };
}

function checkToken({ sessionToken, expiresAt }: AccessKey, token: string | undefined, now: number): void {
  if (sessionToken !== undefined && !same(sessionToken, token ?? '')) throw s3Error('token-invalid');
  if (expiresAt !== undefined && expiresAt <= now) throw s3Error('token-invalid');
}

function version4(secret: string, credential: string, policy: string): string {
  const [, date = '', region = '', service = '', end = ''] = credential.split('/');
  if (service !== 's3' || end !== 'aws4_request') throw s3Error('signature-mismatch');
  const key = [date, region, service, end].reduce(
    (previous: Buffer, part) => createHmac('sha256', previous).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  return createHmac('sha256', key).update(policy).digest('hex');
}

function version2(secret: string, policy: string): string {
  return createHmac('sha1', secret).update(policy).digest('base64');
}

function checkSignature(expected: string, given: string | undefined): void {
  if (!given || !same(expected, given)) throw s3Error('signature-mismatch');
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function missing(field: string) {
  return s3Error('argument-invalid', {
    message: `Bucket POST must contain a field named '${field}'.  If it is specified, please check the order of the fields.`,
    fields: { ArgumentName: field, ArgumentValue: '' },
  });
}
