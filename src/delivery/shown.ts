/**
 * An ARN or URL as logs, figures and traces show it: the password and the query that a URL may have stay out of them, since tokens
 * of webhooks stand there.
 * @see Amazon SNS developer guide, "Subscribing an HTTPS endpoint to a topic": SNS shows `https://user:****@host` too
 */
export function shown(arn: string): string {
  if (!/^https?:/i.test(arn)) return arn;
  const open = arn.includes('@') ? arn.replace(/^(https?:\/\/[^/?#:]*):[^/?#]*@/i, '$1:****@') : arn;
  return open.replace(/\?.*$/s, '?****');
}
