/** Numbers of an account (S5), AWS's defaults where it has one. @see IAM User Guide, IAM and AWS STS quotas */
export const IAM_LIMITS = {
  usersMax: 5000,
  groupsMax: 300,
  rolesMax: 1000,
  /** Managed policies of the account's own. */
  policiesMax: 1500,
  instanceProfilesMax: 1000,
  oidcProvidersMax: 100,
  accessKeysPerUserMax: 2,
  groupsPerUserMax: 10,
  attachedPoliciesPerUserMax: 10,
  attachedPoliciesPerGroupMax: 10,
  attachedPoliciesPerRoleMax: 10,
  rolesPerInstanceProfileMax: 1,
  versionsPerPolicyMax: 5,
  /** One managed policy, characters without white space. */
  managedPolicyCharactersMax: 6144,
  /** All inline policies of one user together, characters without white space. */
  userPolicyCharactersMax: 2048,
  /** The same for a group. */
  groupPolicyCharactersMax: 5120,
  /** The same for a role. */
  rolePolicyCharactersMax: 10_240,
  /** Who may assume a role, characters without white space. */
  trustPolicyCharactersMax: 2048,
  clientIdsPerProviderMax: 100,
  thumbprintsPerProviderMax: 5,
  tagsMax: 50,
  /** Items of a page where a call names no number. */
  pageItems: 100,
} as const;
