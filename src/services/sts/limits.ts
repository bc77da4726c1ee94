/** Numbers of temporary credentials (S5), AWS's where it has them. */
export const STS_LIMITS = {
  /** How long a session lives that says nothing of it. */
  assumedSeconds: 3600,
  sessionSeconds: 43_200,
  /** Keys of the account itself do not live longer, nor does a role that was taken on by another role. */
  rootSecondsMax: 3600,
  chainedSecondsMax: 3600,
  sessionPolicyCharactersMax: 2048,
  sessionPolicyArnsMax: 10,
  /** Tags of one session, its inherited ones included. */
  sessionTagsMax: 50,
  /** Policies and tags of a session as they are kept, compressed; 100 % of what `PackedPolicySize` tells. */
  packedBytesMax: 4096,
  /** An identity provider's token. */
  webIdentityTokenCharactersMax: 20_000,
  /** How long an identity provider's keys are asked for, and at the earliest again after a key that it did not have. */
  providerTimeoutMs: 5_000,
  providerKeysRetryMs: 30_000,
  /** Identity providers whose keys are held. */
  providersHeldMax: 100,
} as const;
