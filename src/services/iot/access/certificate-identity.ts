import { parseArn } from '../../../base/index.ts';
import type { PeerCertificate } from './access.ts';
import { certificateValues } from './certificate-values.ts';
import { type Identification, type Identity, NO_VALUES } from './identity.ts';
import type { Admission, CertificateAdmission } from './ports.ts';

/** Who a client is by its certificate, whose key it has proved to have in the handshake. */
export function certificateIdentity(
  peer: PeerCertificate,
  certificates: CertificateAdmission,
): Identification | Promise<Identification> {
  const identify = (admission: Admission): Identification => {
    if (admission.kind === 'refused') return admission;
    const identity = identityOfCertificate(admission.certificateArn, peer.certificateId, peer.der, certificates);
    return { kind: 'identified', identity };
  };
  const admission = certificates.admit(peer);
  return admission instanceof Promise ? admission.then(identify) : identify(admission);
}

/** @param der  of the certificate; without it, what only the certificate tells has no value */
export function identityOfCertificate(
  certificateArn: string,
  certificateId: string,
  der: Buffer | undefined,
  certificates: CertificateAdmission,
): Identity {
  return {
    principal: certificateId,
    arns: [certificateArn],
    region: parseArn(certificateArn)!.region,
    values: der ? certificateValues(certificateId, der) : NO_VALUES,
    policies: [],
    isLasting: true,
    endsAt: certificates.endsAt(certificateArn),
    lapsed: () => (certificates.isActive(certificateArn) ? undefined : 'its certificate is not active any more'),
  };
}
