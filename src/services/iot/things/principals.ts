import { X509Certificate } from 'node:crypto';
import type { Certificates } from '../certificates/certificates.ts';
import type { Policies } from '../policies/policies.ts';

/** What is known of a principal, for those who show it. */
export interface PrincipalFacts {
  readonly certificate?: {
    /** `ACTIVE`, `INACTIVE`, `REVOKED` ..., as AWS has them. */
    readonly status: string;
    readonly subject: string;
    readonly issuer: string;
    /** Epoch milliseconds. */
    readonly validFrom: number;
    readonly validTo: number;
  };
  /** Names of the policies that are attached to it itself. */
  readonly policies: readonly string[];
}

/** Looks a principal up where certificates and policies are kept. */
export async function principalFacts(
  arn: string,
  certificates: Pick<Certificates, 'find' | 'der'>,
  policies: Pick<Policies, 'attachedTo'>,
): Promise<PrincipalFacts> {
  const names = policies.attachedTo(arn).map(({ name }) => name);
  const certificate = certificates.find(arn.slice(arn.lastIndexOf('/') + 1));
  const der = certificate && (await certificates.der(arn));
  if (!certificate || !der) return { policies: names };
  const { subject, issuer } = new X509Certificate(der);
  const { status, notBefore: validFrom, notAfter: validTo } = certificate;
  return {
    policies: names,
    certificate: { status, subject: inOneLine(subject), issuer: inOneLine(issuer), validFrom, validTo },
  };
}

/** node:crypto gives a part of a name a line. */
const inOneLine = (name: string | undefined) => (name ?? '').split('\n').join(', ');
