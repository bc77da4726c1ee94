/** Numbers of the container registry (S5). */
export const ECR_LIMITS = {
  /** In a region; AWS's own default is 100,000, for registries with images. */
  repositoriesMax: 1_000,
} as const;
