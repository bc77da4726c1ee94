import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from '../../src/services/iot/index.ts';

/** A certificate as a TLS listener hands it over. */
export function peerOf(pem: string): PeerCertificate {
  const { raw } = new X509Certificate(pem);
  return { chain: [raw], certificateId: createHash('sha256').update(raw).digest('hex') };
}
