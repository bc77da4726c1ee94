/**
 * An ARN or URL as logs, metrics and spans show it: webhooks carry secrets in their user part and query, and what is scraped and
 * shipped has more readers than the node.
 */
export function shownArn(arn: string): string {
  if (!/^https?:/i.test(arn)) return arn;
  const url = URL.parse(arn);
  if (!url) return arn;
  const { protocol, username, password, host, pathname, search } = url;
  if (username === '' && password === '' && search === '') return arn;
  const user = username === '' && password === '' ? '' : '***@';
  return `${protocol}//${user}${host}${pathname}${search === '' ? '' : '?***'}`;
}
