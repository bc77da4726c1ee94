import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import { invalidParameter } from './errors.ts';

/** A function as a caller may name it. */
export interface FunctionReference {
  /** Of the ARN; absent when the caller gave none. */
  readonly region?: string;
  readonly name: string;
  /** Version, alias or `$LATEST`; absent means `$LATEST` without saying so. */
  readonly qualifier?: string;
}

/** Name, partial ARN or ARN, each with or without a qualifier: the pattern of `FunctionName` in Lambda's model. */
const REFERENCE =
  /^(?:arn:aws[a-zA-Z-]*:lambda:(?<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?<account>\d{12}):)?(?:function:)?(?<name>[a-zA-Z0-9_-]{1,64})(?::(?<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?$/;

/**
 * Reads a function's name in every form that Lambda accepts: `name`, `name:prod`, `function:name`,
 * `000000000000:function:name`, `arn:aws:lambda:us-east-1:000000000000:function:name:7`.
 *
 * @param qualifier  from the request, beside the name; the two must agree
 * @throws invalid-parameter
 */
export function parseReference(text: string, qualifier?: string): FunctionReference {
  const parts = REFERENCE.exec(text)?.groups;
  if (!parts) throw invalidParameter(`${text} is not a valid function name or ARN`);
  if (qualifier !== undefined && parts.qualifier !== undefined && parts.qualifier !== qualifier) {
    throw invalidParameter(`The derived qualifier from the function name does not match the specified qualifier.`);
  }
  const named = qualifier ?? parts.qualifier;
  return {
    name: parts.name!,
    ...(parts.region === undefined ? {} : { region: parts.region }),
    ...(named === undefined ? {} : { qualifier: named }),
  };
}

/** ARN of a function, with its version or alias where one is given. */
export function functionArn(region: string, name: string, qualifier?: string): string {
  return formatArn('lambda', region, ACCOUNT_ID, `function:${name}${qualifier === undefined ? '' : `:${qualifier}`}`);
}
