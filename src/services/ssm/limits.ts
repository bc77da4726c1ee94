/** Numbers of Parameter Store (S5). @see AWS Systems Manager endpoints and quotas */
export const SSM_LIMITS = {
  /** Parameters of a region, by tier. */
  standardParametersMax: 10_000,
  advancedParametersMax: 100_000,
  /** UTF-8 bytes of a value, by tier. */
  standardValueBytesMax: 4096,
  advancedValueBytesMax: 8192,
  /** Versions that are kept of one parameter; a further one takes the place of the oldest. */
  versionsMax: 100,
  /** Labels of one version. */
  labelsMax: 10,
  labelCharactersMax: 100,
  /** Parts of a name between slashes. */
  levelsMax: 15,
  /** Of a parameter's ARN, which has its name in it. */
  arnCharactersMax: 1011,
  policiesMax: 10,
  tagsMax: 50,
  /** How long an `AllowedPattern` may look at a value: one that takes longer is refused. */
  patternMsMax: 100,
  /** Answers of one page. */
  byPathMax: 10,
  describeMax: 50,
  historyMax: 50,
  /** How long the next expiration is waited for in one go. */
  expiryTimerMsMax: 24 * 3600 * 1000,
} as const;
