/** Numbers of Secrets Manager (S5). @see AWS Secrets Manager user guide, "Quotas" */
export const SECRETS_LIMITS = {
  /** Secrets of a region; AWS has 500,000. What is known of each stands in memory, its value does not. */
  secretsMax: 100_000,
  valueBytesMax: 65_536,
  /** Versions of one secret. Beyond them those go that have no label and are a day old; when none is, no version is taken. */
  versionsMax: 100,
  versionAgeMsMin: 24 * 3600 * 1000,
  /** Staging labels of one version. */
  stagesMax: 20,
  tagsMax: 50,
  policyBytesMax: 20_480,
  recoveryDaysMin: 7,
  recoveryDaysMax: 30,
  recoveryDays: 30,
  passwordCharacters: 32,
  /** Answers of one page. */
  listMax: 100,
  batchMax: 20,
  /** Days between two rotations. */
  rotationDaysMax: 1000,
  /** Two rotations of a schedule are that far apart at the least. */
  rotationMsMin: 4 * 3600 * 1000,
  /** How often a rotation is tried, and how long is waited between two tries: twice as long each time. */
  rotationAttemptsMax: 5,
  rotationRetryMs: 30_000,
  /** Rotations at once. */
  rotationsAtOnceMax: 8,
  /** How long a date is waited for in one go. */
  waitMsMax: 24 * 3600 * 1000,
} as const;
