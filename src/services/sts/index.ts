/** sts: who one is, and temporary keys that make one somebody else. */
import { type Clock, DEFAULT_REGION, type Random } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import type { Credentials, Operation, Service, ServiceCaller } from '../index.ts';
import type { AssumingOptions, Assumption, Identities } from './assuming.ts';
import { STS_ANSWERS } from './errors.ts';
import type { StsOptions } from './operations/operations.ts';
import { STS_PERMISSIONS } from './permissions.ts';
import { type Session, Sessions } from './sessions.ts';
import type { IssuerKeys } from './web-identity.ts';

export type { StsErrorCode } from './errors.ts';
export { STS_LIMITS } from './limits.ts';
export { SESSIONS_MAX, type Session } from './sessions.ts';

export interface StsDependencies extends Pick<AssumingOptions, 'authority'> {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly iam: Identities;
  /** Where the keys of identity providers are that are not asked for them. */
  readonly issuers?: readonly IssuerKeys[];
}

export interface Sts extends AsyncDisposable, Credentials {
  readonly service: Service;
  /**
   * Temporary keys of a role, for a service that works in its name: AssumeRole by that service.
   *
   * @throws access-denied  (rejects) there is no such role, or it does not trust the service
   */
  assumeRole(assumption: Assumption, by: ServiceCaller): Promise<Session>;
}

/** Reads the sessions from the records store. */
export async function openSts(dependencies: StsDependencies): Promise<Sts> {
  const { records, clock, random, iam: identities, authority, issuers = [] } = dependencies;
  const sessions = await Sessions.open(records, clock, random);
  const options = { sessions, identities, authority, clock, issuers };
  return {
    service: {
      name: 'sts',
      errors: STS_ANSWERS,
      operations: lazyOperations(options),
      permissions: STS_PERMISSIONS,
      unsigned: new Set(['AssumeRoleWithWebIdentity']),
    },
    secretFor: (accessKeyId) => sessions.secretFor(accessKeyId),
    assumeRole: async (assumption, service) => {
      // Nothing of it leaves the machine.
      const facts = { region: DEFAULT_REGION, isEncrypted: true };
      const wish = { ...assumption, action: 'sts:AssumeRole', facts } as const;
      const { assume } = await import('./assuming.ts');
      return (await assume(options, wish, { kind: 'service', service })).session;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The operations, whose code is loaded with the first call of one. */
function lazyOperations(options: StsOptions): Record<string, Operation> {
  let loading: Promise<Record<string, Operation>> | undefined;
  const load = () => {
    loading ??= import('./operations/operations.ts').then(({ stsOperations }) => stsOperations(options));
    return loading;
  };
  const lazy =
    (name: string): Operation =>
    async (input, context) =>
      (await load())[name]!(input, context);
  return Object.fromEntries(Object.keys(STS_PERMISSIONS).map((name) => [name, lazy(name)]));
}
