/** What of ECR is built: repositories without images. */
export const OPERATION_NAMES = [
  'CreateRepository',
  'DescribeRepositories',
  'DeleteRepository',
  'ListImages',
  'DescribeImages',
  'PutImageTagMutability',
  'PutImageScanningConfiguration',
  'SetRepositoryPolicy',
  'GetRepositoryPolicy',
  'DeleteRepositoryPolicy',
  'PutLifecyclePolicy',
  'GetLifecyclePolicy',
  'DeleteLifecyclePolicy',
  'ListTagsForResource',
  'TagResource',
  'UntagResource',
] as const;

export type EcrOperationName = (typeof OPERATION_NAMES)[number];
