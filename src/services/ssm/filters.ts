import { invalid, SsmError } from './errors.ts';
import { DEFAULT_KEY_ID, type Parameter } from './model.ts';
import { PATH_RULES } from './names.ts';

/** A filter as the API has it. */
export interface ParameterFilter {
  readonly Key: string;
  readonly Option?: string;
  readonly Values?: readonly string[];
}

type Matches = (parameter: Parameter) => boolean;

const DESCRIBE_KEYS = ['Path', 'Name', 'Type', 'KeyId', 'Tier', 'DataType'];
const BY_PATH_KEYS = ['Type', 'KeyId', 'Label'];
const KNOWN_VALUES: Readonly<Record<string, readonly string[]>> = {
  Type: ['String', 'StringList', 'SecureString'],
  Tier: ['Standard', 'Advanced', 'Intelligent-Tiering'],
};

/** Whether a parameter passes all filters of DescribeParameters. @throws invalid-filter-key, -option, -value, validation */
export function describeFilter(filters: readonly ParameterFilter[]): Matches {
  return all(filters, DESCRIBE_KEYS);
}

/**
 * The filters of GetParametersByPath: whether a parameter passes, and the labels one of which its version must have.
 * @throws invalid-filter-key, -option, -value
 */
export function byPathFilter(filters: readonly ParameterFilter[]): {
  readonly matches: Matches;
  readonly labels: readonly string[] | undefined;
} {
  return {
    matches: all(filters, BY_PATH_KEYS),
    labels: filters.find(({ Key }) => Key === 'Label')?.Values,
  };
}

function all(filters: readonly ParameterFilter[], keys: readonly string[]): Matches {
  const seen = new Set<string>();
  const matchers = filters.map((filter) => {
    const { Key } = filter;
    const isTag = Key.startsWith('tag:') && keys === DESCRIBE_KEYS;
    if (!isTag && !keys.includes(Key)) {
      const valid = keys.join(', ');
      throw new SsmError(
        'invalid-filter-key',
        `The following filter key is not valid: ${Key}. Valid filter keys include: [${valid}].`,
      );
    }
    if (seen.has(Key)) {
      throw new SsmError('invalid-filter-key', `The following filter key is duplicated in the request: ${Key}.`);
    }
    seen.add(Key);
    return matcher(filter);
  });
  return (parameter) => matchers.every((matches) => matches(parameter));
}

function matcher({ Key, Option, Values = [] }: ParameterFilter): Matches {
  if (Key.startsWith('tag:')) return tagMatcher(Key.slice('tag:'.length), Option, Values);
  if (Values.length === 0) {
    throw new SsmError('invalid-filter-value', `The following filter values are missing : null for filter key ${Key}.`);
  }
  if (Key === 'Path') return pathMatcher(Option ?? 'OneLevel', Values);
  const known = KNOWN_VALUES[Key];
  const unknown = known && Values.find((value) => !known.includes(value));
  if (unknown !== undefined) {
    throw new SsmError(
      'invalid-filter-option',
      `The following filter value is not valid: ${unknown}. Valid values include: [${known!.join(', ')}].`,
    );
  }
  const fits = comparison(Key, Option ?? 'Equals', Values);
  return (parameter) => textsOf(Key, parameter).some(fits);
}

function textsOf(key: string, { name, type, latest, labels }: Parameter): readonly string[] {
  switch (key) {
    case 'Name':
      return [name];
    case 'Type':
      return [type];
    case 'Tier':
      return [latest.tier];
    case 'DataType':
      return [latest.dataType];
    case 'Label':
      return Object.keys(labels);
    default:
      return type === 'SecureString' ? [DEFAULT_KEY_ID] : [];
  }
}

function comparison(key: string, option: string, values: readonly string[]): (text: string) => boolean {
  if (option === 'Equals') return (text) => values.includes(text);
  if (option === 'BeginsWith') return (text) => values.some((value) => text.startsWith(value));
  if (option === 'Contains' && key === 'Name') return (text) => values.some((value) => text.includes(value));
  throw new SsmError(
    'invalid-filter-option',
    `The following filter option is not valid: ${option}. Valid options include: [BeginsWith, Equals].`,
  );
}

function tagMatcher(tag: string, option: string | undefined, values: readonly string[]): Matches {
  const fits = values.length === 0 ? () => true : comparison('tag', option ?? 'Equals', values);
  return ({ tags }) => Object.hasOwn(tags, tag) && fits(tags[tag]!);
}

function pathMatcher(option: string, values: readonly string[]): Matches {
  if (option !== 'OneLevel' && option !== 'Recursive') {
    throw new SsmError(
      'invalid-filter-option',
      `The following filter option is not valid: ${option}. Valid options include: [Recursive, OneLevel].`,
    );
  }
  for (const value of values) {
    if (/^\/(aws|ssm)/i.test(value)) {
      throw invalid('Filters for common parameters can\'t be prefixed with "aws" or "ssm" (case-insensitive).');
    }
    if (value !== '/' && !/^(\/[a-zA-Z0-9_.-]+)+\/?$/.test(value)) throw invalid(PATH_RULES);
  }
  const paths = values.map((value) => (value.endsWith('/') ? value : `${value}/`));
  return ({ name }) => paths.some((path) => isUnder(path, name, option === 'Recursive'));
}

/** Whether a name stands under a path (with a slash at its end), at any depth or right below it. */
export function isUnder(path: string, name: string, recursive: boolean): boolean {
  // Names without a slash stand at the root.
  const whole = name.startsWith('/') ? name : `/${name}`;
  return whole.startsWith(path) && (recursive || !whole.includes('/', path.length));
}
