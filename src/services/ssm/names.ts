import { ACCOUNT_ID, formatArn, parseArn } from '../../base/index.ts';
import { invalid, SsmError } from './errors.ts';
import { SSM_LIMITS } from './limits.ts';

const SYMBOLS =
  'If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_';
export const PATH_RULES =
  'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.';

const NAME = /^[a-zA-Z0-9_.-]+$|^(\/[a-zA-Z0-9_.-]+)+$/;

/** A parameter that a call asks for: by number, by label, or the newest. */
export interface Asked {
  /** As it was given, for the answer that says it is not there. */
  readonly text: string;
  /** Names that it may have: an ARN does not tell whether a name of one level begins with a slash. */
  readonly names: readonly string[];
  /** What stands behind the colon. */
  readonly selector?: string;
}

/**
 * The name of a parameter that is to be written.
 * @throws validation, access-denied, too-many-levels
 */
export function checkedName(text: string, region: string): string {
  const name = text.trim();
  checkReserved(name);
  if (name.includes('/') && !name.startsWith('/')) throw invalid('Parameter name must be a fully qualified name.');
  if (!NAME.test(name)) throw invalid(`Parameter name: ${SYMBOLS}`);
  if (arnOf(region, name).length > SSM_LIMITS.arnCharactersMax) {
    throw invalid(
      `Parameter name: can't be longer than ${SSM_LIMITS.arnCharactersMax} characters, its ARN's prefix included`,
    );
  }
  if (name.split('/').length - 1 > SSM_LIMITS.levelsMax) {
    throw new SsmError(
      'too-many-levels',
      `A hierarchy can have a maximum of ${SSM_LIMITS.levelsMax} levels: ${name} has more.`,
    );
  }
  return name;
}

function checkReserved(name: string): void {
  const lower = name.toLowerCase().replace(/^\/+/, '');
  if (!lower.startsWith('aws') && !lower.startsWith('ssm')) return;
  const isPath = name.replace(/^\//, '').includes('/');
  if (isPath && lower.startsWith('aws')) {
    throw new SsmError('access-denied', `No access to reserved parameter name: ${name}.`);
  }
  throw invalid(
    isPath
      ? `Parameter name: can't be prefixed with "ssm" (case-insensitive). ${SYMBOLS}`
      : 'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
  );
}

/**
 * What a call that reads asks for: `name`, `name:3`, `name:label`, or an ARN with the same behind it.
 * @throws validation
 */
export function askedFor(text: string, region: string): Asked {
  const trimmed = text.trim();
  if (trimmed.startsWith('arn:')) return askedByArn(trimmed, region);
  const [name = '', selector, ...more] = trimmed.split(':');
  if (more.length > 0 || name === '' || selector === '') throw invalid(`Invalid parameter name: ${trimmed}`);
  if (!/^[a-zA-Z0-9_./-]+$/.test(name)) throw invalid(`Parameter name: ${SYMBOLS}`);
  return { text, names: [name], ...(selector !== undefined && { selector }) };
}

function askedByArn(text: string, region: string): Asked {
  const arn = parseArn(text);
  const match = /^parameter(\/[^:]+)(?::([^:]+))?$/.exec(arn?.resource ?? '');
  if (!arn || !match || arn.service !== 'ssm') throw invalid(`Invalid parameter ARN: ${text}`);
  const [, path, selector] = match as unknown as [string, string, string | undefined];
  const isHere = arn.region === region && arn.account === ACCOUNT_ID;
  const names = isHere ? [path, ...(path.includes('/', 1) ? [] : [path.slice(1)])] : [];
  return { text, names, ...(selector !== undefined && { selector }) };
}

/** The path of a search by path, with a slash at its end. @throws validation */
export function checkedPath(text: string): string {
  const path = text.trim();
  if (path !== '/' && !/^(\/[a-zA-Z0-9_.-]+)+\/?$/.test(path)) throw invalid(PATH_RULES);
  return path.endsWith('/') ? path : `${path}/`;
}

export function arnOf(region: string, name: string): string {
  return formatArn('ssm', region, ACCOUNT_ID, `parameter${name.startsWith('/') ? '' : '/'}${name}`);
}
