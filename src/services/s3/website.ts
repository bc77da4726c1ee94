/*
 * Websites of buckets: the setting, and what a request to one becomes.
 *
 * @see Amazon S3 user guide, "Hosting a static website using Amazon S3", "(Optional) Configuring a webpage redirect"
 */
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { RedirectTarget, RoutingRule, Website } from './settings.ts';

/** @throws DomainError `argument-invalid`, `request-invalid`, `malformed` */
export function checkWebsite(input: Website | undefined): Website {
  if (!input) throw s3Error('malformed');
  const { IndexDocument, ErrorDocument, RedirectAllRequestsTo: all, RoutingRules } = input;
  if (all) {
    if (IndexDocument || ErrorDocument || RoutingRules) {
      throw argument(
        'RedirectAllRequestsTo',
        'not null',
        'RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.',
      );
    }
    if (!all.HostName) throw s3Error('malformed');
    checkTarget(all);
    return input;
  }
  if (!IndexDocument) {
    throw argument(
      'IndexDocument',
      'null',
      'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty',
    );
  }
  const { Suffix } = IndexDocument;
  if (!Suffix || Suffix.includes('/')) {
    throw argument('IndexDocument', Suffix ?? '', 'The IndexDocument Suffix is not well formed');
  }
  if (ErrorDocument && !ErrorDocument.Key) throw s3Error('malformed');
  if (RoutingRules) checkRules(RoutingRules);
  return input;
}

function checkRules(rules: readonly RoutingRule[]): void {
  if (rules.length === 0) throw s3Error('malformed');
  if (rules.length > S3_LIMITS.websiteRoutingRulesMax) {
    throw invalid(`The number of routing rules must not exceed ${S3_LIMITS.websiteRoutingRulesMax}.`);
  }
  for (const { Condition, Redirect } of rules) {
    if (!Redirect || Object.keys(Redirect).length === 0) throw s3Error('malformed');
    if (Redirect.ReplaceKeyPrefixWith !== undefined && Redirect.ReplaceKeyWith !== undefined) {
      throw invalid('You can only define ReplaceKeyPrefix or ReplaceKey but not both.');
    }
    if (Condition && Condition.HttpErrorCodeReturnedEquals === undefined && Condition.KeyPrefixEquals === undefined) {
      throw invalid(
        "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
      );
    }
    const { HttpRedirectCode: code } = Redirect;
    if (code !== undefined && !/^30[1-8]$/.test(code)) {
      throw invalid(`The provided HTTP redirect code (${code}) is not valid. Valid codes are 3XX except 300.`);
    }
    const error = Condition?.HttpErrorCodeReturnedEquals;
    if (error !== undefined && !/^[45]\d\d$/.test(error)) {
      throw invalid(`The provided HTTP error code (${error}) is not valid. Valid codes are 4XX or 5XX.`);
    }
    checkTarget(Redirect);
  }
}

function checkTarget({ Protocol, HostName }: RedirectTarget): void {
  if (Protocol !== undefined && Protocol !== 'http' && Protocol !== 'https') {
    throw invalid(
      'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
    );
  }
  // It becomes a part of a header.
  if (HostName !== undefined && !/^[A-Za-z0-9.:[\]-]+$/.test(HostName)) throw s3Error('malformed');
}

/** What a request to a website is answered with. */
export type WebsiteStep =
  | { readonly kind: 'object'; readonly key: string }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string };

/** The site's address as the visitor has it: `http` and the host with its port. */
export interface SiteAddress {
  readonly protocol: string;
  readonly host: string;
}

/** What is tried first. @param path  decoded, with the slash it begins with */
export function firstStep(website: Website, path: string, site: SiteAddress): WebsiteStep {
  const key = path.slice(1);
  const { RedirectAllRequestsTo: all, RoutingRules = [] } = website;
  if (all) {
    const location = `${all.Protocol ?? site.protocol}://${all.HostName}/${encodeKey(key)}`;
    return { kind: 'redirect', status: 301, location };
  }
  const rule = RoutingRules.find(
    ({ Condition }) => Condition?.HttpErrorCodeReturnedEquals === undefined && hasPrefix(Condition, key),
  );
  if (rule) return redirect(rule, key, site);
  return { kind: 'object', key: withIndex(website, key) };
}

/** What follows when the object gave an error; `undefined` ends it with that error. @param isFolder  its index is there */
export function stepAfter(
  website: Website,
  path: string,
  status: number,
  site: SiteAddress,
  isFolder: boolean,
): WebsiteStep | undefined {
  const key = path.slice(1);
  const rule = (website.RoutingRules ?? []).find(
    ({ Condition }) => Condition?.HttpErrorCodeReturnedEquals === String(status) && hasPrefix(Condition, key),
  );
  if (rule) return redirect(rule, key, site);
  // A folder without its slash: links in its index are relative to what comes before the last one.
  if (isFolder) return { kind: 'redirect', status: 302, location: `/${encodeKey(key)}/` };
  return website.ErrorDocument && { kind: 'object', key: website.ErrorDocument.Key };
}

/** The index that would answer if the path were a folder; `undefined` where it is none. */
export function folderIndex({ IndexDocument }: Website, path: string): string | undefined {
  return IndexDocument && !path.endsWith('/') ? `${path.slice(1)}/${IndexDocument.Suffix}` : undefined;
}

function withIndex({ IndexDocument }: Website, key: string): string {
  return key === '' || key.endsWith('/') ? `${key}${IndexDocument!.Suffix}` : key;
}

function hasPrefix(condition: RoutingRule['Condition'], key: string): boolean {
  return key.startsWith(condition?.KeyPrefixEquals ?? '');
}

function redirect({ Condition, Redirect }: RoutingRule, key: string, site: SiteAddress): WebsiteStep {
  const { Protocol = site.protocol, HostName = site.host, HttpRedirectCode = '301' } = Redirect;
  const { ReplaceKeyWith, ReplaceKeyPrefixWith } = Redirect;
  const rest = key.slice(Condition?.KeyPrefixEquals?.length ?? 0);
  const target = ReplaceKeyWith ?? (ReplaceKeyPrefixWith === undefined ? key : ReplaceKeyPrefixWith + rest);
  return {
    kind: 'redirect',
    status: Number(HttpRedirectCode),
    location: `${Protocol}://${HostName}/${encodeKey(target)}`,
  };
}

/** A key as a path: nothing of it ends a header or begins a query. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/');
}

function argument(ArgumentName: string, ArgumentValue: string, message: string) {
  return s3Error('argument-invalid', { message, fields: { ArgumentName, ArgumentValue } });
}

function invalid(message: string) {
  return s3Error('request-invalid', { message });
}
