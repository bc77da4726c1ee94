import { parseArn } from '../../../base/index.ts';
import type { PeerCertificate } from './access.ts';
import { certificateValues } from './certificate-values.ts';
import type { Identification } from './identity.ts';
import type { Admission, CertificateAdmission } from './ports.ts';

/** Who a client is by its certificate, whose key it has proved to have in the handshake. */
export function certificateIdentity(
  peer: PeerCertificate,
  certificates: CertificateAdmission,
): Identification | Promise<Identification> {
  const identify = (admission: Admission): Identification => {
    if (admission.kind === 'refused') return admission;
    const { certificateArn } = admission;
    return {
      kind: 'identified',
      identity: {
        principal: peer.certificateId,
        arns: [certificateArn],
        region: parseArn(certificateArn)!.region,
        values: certificateValues(peer.certificateId, peer.chain[0]!),
        policies: [],
        lapsed: () => (certificates.isActive(certificateArn) ? undefined : 'its certificate is not active any more'),
      },
    };
  };
  const admission = certificates.admit(peer);
  return admission instanceof Promise ? admission.then(identify) : identify(admission);
}
