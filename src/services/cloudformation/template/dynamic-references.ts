/**
 * `{{resolve:ssm:NAME:VERSION}}`, `{{resolve:ssm-secure:NAME:VERSION}}` and
 * `{{resolve:secretsmanager:ID:SecretString:KEY:STAGE:VERSION-ID}}` in the properties of resources.
 *
 * A stack keeps the reference, never what it stands for: that is read when a resource is made or changed, given to it, and
 * forgotten. So it is in no event, no list of properties and no change set, and a value that changes does not change the stack.
 *
 * @see AWS CloudFormation user guide, "Get values stored in other services using dynamic references"
 */
import { DomainError, hasCode, messageOf } from '../../../base/index.ts';
import type { Value } from './evaluate.ts';
import type { Json } from './value.ts';

export type ReferenceKind = 'ssm' | 'ssm-secure' | 'secretsmanager';

/** Reads what dynamic references stand for. */
export interface DynamicReferences {
  /** @param text  what stands behind the kind: `NAME:VERSION` */
  resolve(kind: ReferenceKind, text: string): Promise<string>;
}

/** Calls an operation of a service where the stack is. */
type Read = (service: string, operation: string, input: object) => Promise<any>;

const REFERENCE = /\{\{resolve:([a-z-]+):([^{}]*)\}\}/g;
/** Shorter ones are part of anything: masking them would say more than it hides. */
const MASKED_CHARACTERS_MIN = 4;

/** Whether a reference stands anywhere in a value. */
export function hasReference(value: Value): boolean {
  if (typeof value === 'string') return value.includes('{{resolve:');
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((member) => hasReference(member as Value));
}

/** What is wrong with the references in a value; `undefined` when nothing is. */
export function faultOfReferences(value: Value): string | undefined {
  if (typeof value === 'string') {
    for (const [whole, kind, text] of value.matchAll(REFERENCE)) {
      const fault = faultOf(kind!, text!);
      if (fault !== undefined) return `Incorrect format is used in the following reference: [${whole}]: ${fault}`;
    }
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const member of Object.values(value)) {
    const fault = faultOfReferences(member as Value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What the references in the values of one resource stand for, while it is worked on. */
export class ResolvedReferences {
  readonly #references: DynamicReferences;
  readonly #known = new Map<string, string>();
  readonly #secrets = new Set<string>();

  constructor(references: DynamicReferences) {
    this.#references = references;
  }

  /** A value with what its references stand for in their place. @throws DomainError `validation`  one that cannot be read */
  async in<T extends Json>(value: T): Promise<T> {
    return hasReference(value) ? ((await this.#resolved(value)) as T) : value;
  }

  /** An error without what must not be seen. */
  masked(error: unknown): unknown {
    const message = messageOf(error);
    const secrets = [...this.#secrets].filter((secret) => message.includes(secret));
    if (secrets.length === 0) return error;
    const shown = secrets.reduce((text, secret) => text.replaceAll(secret, '****'), message);
    const code = (error as { code?: unknown }).code;
    return new DomainError(typeof code === 'string' ? code : 'GeneralServiceException', shown);
  }

  async #resolved(value: Json): Promise<Json> {
    if (typeof value === 'string') return this.#text(value);
    if (Array.isArray(value)) return Promise.all(value.map((item) => this.#resolved(item as Json)));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(async ([key, member]) => [key, await this.#resolved(member)] as const);
    return Object.fromEntries(await Promise.all(members));
  }

  async #text(text: string): Promise<string> {
    const parts: string[] = [];
    let at = 0;
    for (const match of text.matchAll(REFERENCE)) {
      const [whole, kind, asked] = match as unknown as [string, ReferenceKind, string];
      // What it stands for is text, even where it looks like a reference.
      parts.push(text.slice(at, match.index), await this.#one(whole, kind, asked));
      at = match.index + whole.length;
    }
    return [...parts, text.slice(at)].join('');
  }

  async #one(whole: string, kind: ReferenceKind, asked: string): Promise<string> {
    const fault = faultOf(kind, asked);
    if (fault !== undefined) throw unresolved(whole, fault);
    let value = this.#known.get(whole);
    if (value === undefined) {
      try {
        value = await this.#references.resolve(kind, asked);
      } catch (error) {
        throw unresolved(whole, messageOf(error), error);
      }
      this.#known.set(whole, value);
      if (kind !== 'ssm' && value.length >= MASKED_CHARACTERS_MIN) this.#secrets.add(value);
    }
    return value;
  }
}

/** References that are read by the operations of the services that keep the values. */
export function referencesBy(read: Read): DynamicReferences {
  return {
    resolve: (kind, text) => (kind === 'secretsmanager' ? secretValue(read, text) : parameterValue(read, kind, text)),
  };
}

async function parameterValue(read: Read, kind: 'ssm' | 'ssm-secure', text: string): Promise<string> {
  const { Parameter } = await read('ssm', 'GetParameter', { Name: text, WithDecryption: kind === 'ssm-secure' });
  if (kind === 'ssm' && Parameter.Type === 'SecureString') {
    throw new DomainError('validation', 'a SecureString is read by {{resolve:ssm-secure:...}}');
  }
  return Parameter.Value as string;
}

async function secretValue(read: Read, text: string): Promise<string> {
  const { id, key, stage, version } = secretAsked(text);
  const { SecretString } = await read('secretsmanager', 'GetSecretValue', {
    SecretId: id,
    ...(stage !== '' && { VersionStage: stage }),
    ...(version !== '' && { VersionId: version }),
  });
  if (typeof SecretString !== 'string') throw new DomainError('validation', 'the secret has no SecretString');
  if (key === '') return SecretString;
  let members: unknown;
  try {
    members = JSON.parse(SecretString);
  } catch {
    // The error of the parser would quote the secret.
    throw new DomainError('validation', 'the secret is no JSON, so it has no keys');
  }
  const member = typeof members === 'object' && members !== null && Object.hasOwn(members, key) ? members : undefined;
  const value = (member as Readonly<Record<string, unknown>> | undefined)?.[key];
  if (value === undefined) {
    throw new DomainError('validation', 'Could not find a value associated with JSONKey in SecretString');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface AskedSecret {
  readonly id: string;
  readonly what: string;
  readonly key: string;
  readonly stage: string;
  readonly version: string;
  readonly more: readonly string[];
}

function secretAsked(text: string): AskedSecret {
  const parts = text.split(':');
  // An ARN has colons of its own.
  const length = text.startsWith('arn:') ? 7 : 1;
  const [what = '', key = '', stage = '', version = '', ...more] = parts.slice(length);
  return { id: parts.slice(0, length).join(':'), what, key, stage, version, more };
}

function faultOf(kind: string, text: string): string | undefined {
  if (kind === 'ssm' || kind === 'ssm-secure') {
    return /^(arn:[^{}]+|[A-Za-z0-9_./-]+)(:\d+)?$/.test(text) ? undefined : 'it is no parameter name with a version';
  }
  if (kind !== 'secretsmanager') return `there is no service ${kind}`;
  const { id, what, stage, version, more } = secretAsked(text);
  if (id === '' || more.length > 0) return 'it names no secret';
  if (what !== '' && what !== 'SecretString') return 'only SecretString can be read';
  return stage !== '' && version !== '' ? 'it has a version stage and a version id' : undefined;
}

function unresolved(whole: string, why: string, cause?: unknown): DomainError {
  const code = cause !== undefined && hasCode(cause, 'NotImplemented') ? 'NotImplemented' : 'validation';
  return new DomainError(code, `Could not resolve the dynamic reference ${whole}: ${why}`);
}
