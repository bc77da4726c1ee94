/** Numbers of the service (S5); S3's own. */
export const S3_LIMITS = {
  bucketPolicyBytesMax: 20_480,
  bucketTagsMax: 50,
  objectTagsMax: 10,
  /** Names and values of `x-amz-meta-` headers together. */
  userMetadataBytesMax: 2048,
  /** Of one PutObject, UploadPart or CopyObject; larger objects are uploaded in parts. */
  putBytesMax: 5 * 1024 ** 3,
  /** Of every part but the last. */
  partBytesMin: 5 * 1024 ** 2,
  /** Keys of one DeleteObjects. */
  deleteKeysMax: 1000,
  /** Entries of one page of any listing. */
  listMax: 1000,
  /** Characters of a tag's key and value. */
  tagKeyCharactersMax: 128,
  tagValueCharactersMax: 256,
  aclGrantsMax: 100,
  corsRulesMax: 100,
  lifecycleRulesMax: 1000,
  /** Characters of the id of a rule: CORS, lifecycle, notifications. */
  ruleIdCharactersMax: 255,
  /** Notification configurations of a bucket. */
  notificationRulesMax: 100,
  websiteRoutingRulesMax: 50,
  /** Longest default retention of object lock. */
  retentionDaysMax: 36_500,
  retentionYearsMax: 100,
} as const;
