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
