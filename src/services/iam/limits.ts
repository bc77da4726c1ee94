/** Numbers of an account (S5), AWS's defaults where it has one. */
export const IAM_LIMITS = {
  rolesMax: 5000,
  usersMax: 5000,
  accessKeysPerUserMax: 2,
  attachedPoliciesPerRoleMax: 20,
  /** All inline policies of one role together, characters. */
  inlinePolicyCharactersMax: 10_240,
  tagsMax: 50,
} as const;
