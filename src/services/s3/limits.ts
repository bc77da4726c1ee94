/** Numbers of the service (S5); S3's own. */
export const S3_LIMITS = {
  bucketPolicyBytesMax: 20_480,
  bucketTagsMax: 50,
} as const;
