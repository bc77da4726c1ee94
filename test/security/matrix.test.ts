/*
 * For every operation that is built: whoever has no policy is refused, and whoever has exactly the rights that the service names is not.
 * A service that says nothing of the rights its operations need is open to every key: those are listed here, and the list only shrinks.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { serviceTable } from '../../src/schemas/index.ts';
import type { Permission, Service } from '../../src/services/index.ts';
import { minimalInput } from '../support/inputs.ts';
import { sdkModule } from '../support/sdk.ts';
import { MatrixNode, PAST_AUTHORIZATION, type UserKey } from './matrix-node.ts';

/** Services whose operations are not decided on yet. */
const WITHOUT_PERMISSIONS: readonly string[] = [];

/** Operations that AWS asks no right for, or decides on elsewhere. */
const OPEN: Readonly<Record<string, string>> = {
  'sts.AssumeRole': "decided by the operation: the role's trust policy has a say",
  'sts.AssumeRoleWithWebIdentity': 'nobody signs it; the token and the trust policy decide',
  'sts.GetCallerIdentity': 'everybody may ask who they are, even where a policy denies it',
  'sts.GetSessionToken': 'needs no permissions, as the API reference says',
};

let node: MatrixNode;
let key: UserKey;

before(async () => {
  node = await MatrixNode.start();
  key = await node.user('matrix');
});
after(() => node?.[Symbol.asyncDispose]());

test('the list of services without permissions names exactly those', () => {
  const without = node.services.filter(({ permissions }) => !permissions).map(({ name }) => name);
  assert.deepEqual(without.sort(), [...WITHOUT_PERMISSIONS].sort());
});

test('every service that says which rights its operations need says it of each', () => {
  for (const { name, operations, permissions } of decided()) {
    assert.deepEqual(
      Object.keys(operations).filter((operation) => !Object.hasOwn(permissions!, operation)),
      [],
      name,
    );
    assert.deepEqual(
      Object.keys(permissions!).filter((operation) => !Object.hasOwn(operations, operation)),
      [],
      name,
    );
  }
});

test('whoever has no policy is refused every operation, and whoever has exactly its rights is not', async () => {
  const wrong: string[] = [];
  for (const service of decided()) {
    const call = await callerOf(service);
    for (const operation of Object.keys(service.operations)) {
      const name = `${service.name}.${operation}`;
      for (const fault of await faultsOf(name, () => call(operation))) wrong.push(`${name} ${fault}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** What is wrong with the rights of one operation. */
async function faultsOf(name: string, call: () => Promise<Error>): Promise<readonly string[]> {
  node.takeAsked();
  const refused = await call();
  const asked = node.takeAsked();
  if (!asked) return [`was not decided on: ${show(refused)}`];
  const { permissions } = asked;
  const isOpen = Object.hasOwn(OPEN, name);
  if (permissions.length === 0) return isOpen ? [] : ['asks for no right, and nobody says why'];
  const faults = isOpen ? ['is said to ask for no right, and does'] : [];
  if (isBodiless(refused)) {
    if (statusOf(refused) !== 403) faults.push(`is answered with ${statusOf(refused)}`);
  } else if (!DENIALS.test(refused.name)) faults.push(`is answered with ${show(refused)}`);
  const { action, resources } = permissions[0]!;
  if (
    !isBodiless(refused) &&
    !refused.message.includes(`is not authorized to perform: ${action} on resource: ${resources[0]}`)
  ) {
    faults.push(`is refused without the reason: ${refused.message}`);
  }
  faults.push(...permissions.flatMap(malformed));
  if (faults.length > 0) return faults;
  const statements = permissions.map(statementOf);
  await node.allow('matrix', statements);
  const answer = await call();
  if (!isPast(answer)) faults.push(`is refused with its rights: ${show(answer)}`);
  for (const [left, { Action }] of statements.length > 1 ? statements.entries() : []) {
    const others = statements.filter((one, index) => index !== left && !isDeepStrictEqual(one, statements[left]));
    await node.allow('matrix', others);
    if (isPast(await call())) faults.push(`is let past without ${Action}`);
  }
  await node.forbid('matrix');
  return faults;
}

const DENIALS = /^AccessDenied(Exception)?$|^AuthorizationError(Exception)?$|^ForbiddenException$/;

function isPast(answer: Error): boolean {
  return answer.name === PAST_AUTHORIZATION || (isBodiless(answer) && statusOf(answer) === 418);
}

/** What S3 answers to HEAD: nobody can read a reason there. */
function isBodiless(error: Error): boolean {
  return error.name === 'Unknown' || error.name === '403';
}

function statusOf(error: Error): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

function malformed({ action, resources }: Permission): readonly string[] {
  const faults = resources
    .filter((one) => !/^(\*$|arn:aws:)/.test(one))
    .map((one) => `asks for ${one}, which is no ARN`);
  return /^[a-z0-9-]+:[A-Za-z0-9]+$/.test(action) ? faults : [`asks for ${action}, which is no action`, ...faults];
}

/** What allows a permission and nothing else. */
function statementOf({ action, resources }: Permission) {
  const Resource = resources.map((one) => (one === '*' ? one : one.replace(/[*?$]/g, (sign) => `\${${sign}}`)));
  return { Effect: 'Allow', Action: action, Resource };
}

function decided(): readonly Service[] {
  return node.services.filter(({ permissions }) => permissions);
}

function show({ name, message }: Error): string {
  return `${name}: ${message}`;
}

/** Calls operations with the least that the model takes, by AWS's own client; gives what they are refused with. */
async function callerOf({ name }: Service): Promise<(operation: string) => Promise<Error>> {
  const sdk = await sdkModule(name);
  const table = serviceTable(name);
  return async (operation) => {
    const client = new sdk.Client({
      ...{ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...key }, maxAttempts: 1 },
      ...{ disableHostPrefix: true, forcePathStyle: true },
    });
    try {
      const Command = sdk.command(operation);
      const answer = await client.send(new Command(minimalInput(table, operation)));
      return new Error(`answered ${JSON.stringify(answer)}`);
    } catch (error) {
      return error as Error;
    } finally {
      client.destroy();
    }
  };
}
