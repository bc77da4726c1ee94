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
