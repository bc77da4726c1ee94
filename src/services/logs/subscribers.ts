/**
 * Whether a function or stream takes what a group sends on.
 *
 * @param sourceArn  of the group, with `:*`
 * @param roleArn  role that the group takes on for it
 */
export type AskSubscriber = (
  arn: string,
  sourceArn: string,
  roleArn: string | undefined,
) => Promise<'open' | 'missing' | 'refused'>;
