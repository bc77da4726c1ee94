/**
 * An ARN or URL as logs, figures and traces show it: the password that a URL may have stays out of them.
 * @see Amazon SNS developer guide, "Subscribing an HTTPS endpoint to a topic": SNS shows `https://user:****@host` too
 */
export function shown(arn: string): string {
  return arn.includes('@') ? arn.replace(/^(https?:\/\/[^/?#:]*):[^/?#]*@/i, '$1:****@') : arn;
}
