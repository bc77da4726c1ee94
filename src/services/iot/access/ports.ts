import type { Caller, Permission } from '../../index.ts';
import type { PeerCertificate } from './access.ts';

/** What becomes of a client certificate at a connection. */
export type Admission =
  | { readonly kind: 'active'; readonly certificateArn: string }
  /** `reason` says in a few words why: unknown, INACTIVE, REVOKED, expired, not signed by its issuer ... */
  | { readonly kind: 'refused'; readonly reason: string; readonly reasonCode: number };

/** The registry of certificates, as access asks it. */
export interface CertificateAdmission {
  /** Whether the certificate may be used; just-in-time registration and provisioning happen in here. */
  admit(peer: PeerCertificate): Promise<Admission> | Admission;
  /** The same for one that was admitted before: false once it is inactive, revoked, expired or deleted. */
  isActive(certificateArn: string): boolean;
  /** When one that was admitted expires, epoch milliseconds; `undefined` when there is none. */
  endsAt(certificateArn: string): number | undefined;
  /** DER of a certificate, for those who ask about it while it is not connected; `undefined` when there is none. */
  der(certificateArn: string): Promise<Buffer | undefined>;
}

/** A thing as policies see it. */
export interface AttachedThing {
  readonly name: string;
  readonly typeName: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** ARNs of its groups and of all above them: policies that are attached to any of them count. */
  readonly groupArns: readonly string[];
  /** The principal that was asked about has this thing and no other. */
  readonly isExclusive: boolean;
}

/** The registry of things, as access asks it. */
export interface ThingDirectory {
  /** The things that a principal is attached to. */
  ofPrincipal(principalArn: string): readonly AttachedThing[];
}

/** What conditions of the account's policies may ask of a signed connection. */
export interface SignerFacts {
  readonly region: string;
  readonly sourceIp: string | undefined;
  readonly isEncrypted: boolean;
  readonly userAgent: string | undefined;
}

/** The keys and policies of the account, as access asks them about whoever has signed (Signature Version 4). */
export interface Signers {
  /** Whether policies decide about a caller; else it may do everything: the account itself, where nobody is held, unknown keys in `dev`. */
  isHeld(caller: Caller): boolean;
  /** Whether the key is still known and active. */
  isGood(caller: Caller): boolean;
  /** Why the caller has not this right; `undefined` where it has. At once but for the first time. */
  refusal(caller: Caller, permission: Permission, facts: SignerFacts): string | undefined | Promise<string | undefined>;
  /** Has the listener told of every change of keys and policies until the result is called. */
  onChange(listener: () => void): () => void;
}

/** Holds nobody: for brokers without an account. */
export const UNHELD_SIGNERS: Signers = {
  isHeld: () => false,
  isGood: () => true,
  refusal: () => undefined,
  onChange: () => () => {},
};
