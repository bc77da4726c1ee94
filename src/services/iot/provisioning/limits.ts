/** Numbers of provisioning (S5). */
export const PROVISIONING_LIMITS = {
  templatesMax: 256,
  versionsPerTemplateMax: 5,
  /** How long a certificate that a device has asked for by claim may wait to be provisioned; then it is deleted, as on AWS. */
  ownershipMsMax: 60 * 60 * 1000,
  /** How long the certificate of CreateProvisioningClaim is good. */
  claimMsMax: 5 * 60 * 1000,
  /** How often what has expired is looked for. */
  sweepMs: 5 * 60 * 1000,
  /** Requests of devices that are worked on at the same time; one more is rejected with TooManyRequests. */
  requestsMax: 64,
  /** How long a pre-provisioning hook may take, as on AWS. */
  hookMsMax: 5_000,
} as const;
