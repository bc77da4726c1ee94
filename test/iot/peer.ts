import { createHash, X509Certificate } from 'node:crypto';
import { SimulatedClock } from '../../src/base/index.ts';
import type { PeerCertificate } from '../../src/services/iot/index.ts';

/** A certificate as a TLS listener hands it over. */
export function peerOf(pem: string): PeerCertificate {
  const { raw } = new X509Certificate(pem);
  return { der: raw, certificateId: createHash('sha256').update(raw).digest('hex') };
}

/** A clock whose wall time can be set without all that would happen until then. */
export class LeapingClock extends SimulatedClock {
  leap = 0;

  override now(): number {
    return super.now() + this.leap;
  }
}
