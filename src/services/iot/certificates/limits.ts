/** Numbers of certificates (S5). */
export const CERTIFICATE_LIMITS = {
  /** The node's own authority, made once: no device outlives it. */
  authorityDays: 50 * 365,
  /** Certificates that it signs for devices; AWS's are good until the end of 2049. */
  deviceCertificateDays: 25 * 365,
  /** The certificate that the node shows to devices; renewed when a third of it is left. */
  serverCertificateDays: 365,
  /** Certificates are valid from so long before they are made, for devices whose clocks are behind. */
  backdatedHours: 24,
  /** Certificates of devices; what is kept of each in memory is some 600 bytes. */
  certificatesMax: 500_000,
  /** Authorities that are registered: AWS takes 10 of one name, and as many names as there are. */
  authoritiesMax: 1_000,
  /** Bits of an RSA key of a device, at least. */
  rsaBitsMin: 2048,
  /** And at most: checking a signature of one takes a quarter of a millisecond. */
  rsaBitsMax: 8192,
} as const;
