import { ACCOUNT_ID, formatArn } from '../base/index.ts';
import type { Caller } from './operation.ts';

/** What an access key stands for. */
export interface AccessKey {
  readonly secret: string;
  readonly caller: Caller;
  /** A temporary key is good only together with its token. */
  readonly sessionToken?: string;
  /** Epoch milliseconds after which a temporary key is refused. */
  readonly expiresAt?: number;
}

/** The port through which signatures are checked: IAM users' keys, sessions of STS, the configured root key. */
export interface Credentials {
  /** In memory and synchronous, since every request asks; `undefined` for a key that nobody has, or that is inactive. */
  secretFor(accessKeyId: string): AccessKey | undefined;
}

const ROOT_ARN = formatArn('iam', '', ACCOUNT_ID, 'root');

/** The account itself, which no policy of its own limits: the root key, and in `dev` whoever has no key that we know. */
export function isAccount({ arn, session }: Caller): boolean {
  return arn === ROOT_ARN && session?.policies === undefined;
}

/** The one key that is configured rather than created: it is the account itself. */
export function rootCredentials(key: { readonly accessKeyId: string; readonly secretAccessKey: string }): Credentials {
  const { accessKeyId, secretAccessKey: secret } = key;
  const caller: Caller = { accountId: ACCOUNT_ID, arn: ROOT_ARN, accessKeyId };
  return { secretFor: (asked) => (asked === accessKeyId ? { secret, caller } : undefined) };
}

/** Asks each in turn; the first that knows the key answers. */
export function combineCredentials(...sources: readonly Credentials[]): Credentials {
  return {
    secretFor: (accessKeyId) => {
      for (const source of sources) {
        const found = source.secretFor(accessKeyId);
        if (found) return found;
      }
      return undefined;
    },
  };
}
