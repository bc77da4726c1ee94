/** What is built of Systems Manager: Parameter Store. Known before its code is loaded; a test holds it to that code. */
export const OPERATION_NAMES = [
  'AddTagsToResource',
  'DeleteParameter',
  'DeleteParameters',
  'DescribeParameters',
  'GetParameter',
  'GetParameterHistory',
  'GetParameters',
  'GetParametersByPath',
  'LabelParameterVersion',
  'ListTagsForResource',
  'PutParameter',
  'RemoveTagsFromResource',
  'UnlabelParameterVersion',
] as const;
