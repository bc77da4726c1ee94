import { SsmError } from './errors.ts';
import { SSM_LIMITS } from './limits.ts';
import type { ParameterPolicy } from './model.ts';

interface Written {
  readonly Type?: unknown;
  readonly Version?: unknown;
  readonly Attributes?: Readonly<Record<string, unknown>>;
}

const ATTRIBUTES: Readonly<Record<ParameterPolicy['type'], readonly string[]>> = {
  Expiration: ['Timestamp'],
  ExpirationNotification: ['Before', 'Unit'],
  NoChangeNotification: ['After', 'Unit'],
};

/**
 * Reads the JSON array of a parameter's policies; an empty one takes all away.
 *
 * @param now  epoch milliseconds: an expiration lies behind it
 * @throws invalid-policy-type, invalid-policy-attribute, incompatible-policy, too-many-policies
 */
export function readPolicies(text: string, now: number): readonly ParameterPolicy[] {
  const list = parsed(text);
  if (list.length > SSM_LIMITS.policiesMax) {
    throw new SsmError(
      'too-many-policies',
      `You specified more than the maximum number of allowed policies for the parameter. The maximum is ${SSM_LIMITS.policiesMax}.`,
    );
  }
  const policies = list.map((written) => policyOf(written, now));
  const has = (type: string) => policies.filter((policy) => policy.type === type).length;
  if (has('Expiration') > 1) throw incompatible("You can't specify two Expiration policies for a parameter.");
  if (has('ExpirationNotification') > 0 && has('Expiration') === 0) {
    throw incompatible('An ExpirationNotification policy requires an Expiration policy.');
  }
  return policies;
}

/** When the parameter is deleted, epoch milliseconds. */
export function expiryOf(policies: readonly ParameterPolicy[]): number | undefined {
  const found = policies.find(({ type }) => type === 'Expiration');
  return found && timestampOf((JSON.parse(found.text) as Written).Attributes ?? {});
}

function parsed(text: string): readonly Written[] {
  if (text.trim() === '') return [];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((item) => typeof item === 'object' && item !== null)) return list;
    if (typeof list === 'object' && list !== null && Object.keys(list).length === 0) return [];
  } catch {
    // Answered below, as what is no array is.
  }
  throw badAttribute('Policies must be a JSON array of policies.');
}

function policyOf(written: Written, now: number): ParameterPolicy {
  const type = written.Type as ParameterPolicy['type'];
  if (typeof type !== 'string' || !Object.hasOwn(ATTRIBUTES, type)) {
    throw new SsmError(
      'invalid-policy-type',
      `The policy type ${String(type)} isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.`,
    );
  }
  if (written.Version !== '1.0') throw badAttribute(`Policy ${type}: Version must be 1.0.`);
  const attributes = written.Attributes ?? {};
  for (const name of ATTRIBUTES[type]) {
    if (typeof attributes[name] !== 'string') throw badAttribute(`Policy ${type}: attribute ${name} is missing.`);
  }
  if (type === 'Expiration') {
    if (!(timestampOf(attributes) > now)) throw badAttribute('Policy Expiration: Timestamp must be a time to come.');
  } else {
    const amount = Number(attributes[ATTRIBUTES[type][0]!]);
    if (!Number.isInteger(amount) || amount < 1) throw badAttribute(`Policy ${type}: not a number of days or hours.`);
    if (!['days', 'hours'].includes(String(attributes.Unit).toLowerCase())) {
      throw badAttribute(`Policy ${type}: Unit must be Days or Hours.`);
    }
  }
  return { type, text: JSON.stringify(written) };
}

function timestampOf({ Timestamp }: Readonly<Record<string, unknown>>): number {
  const text = String(Timestamp);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
}

const badAttribute = (message: string) => new SsmError('invalid-policy-attribute', message);
const incompatible = (message: string) => new SsmError('incompatible-policy', message);
