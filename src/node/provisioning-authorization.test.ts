import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../base/index.ts';
import { Authority, type Denial } from '../services/iam/index.ts';
import type { Service } from '../services/index.ts';
import { silentLogger } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';
import { provisioningAuthorization } from './provisioning-authorization.ts';
import { RoleRights } from './role-rights.ts';

const ROLE = 'arn:aws:iam::000000000000:role/fleet';
const TEMPLATE = 'arn:aws:iot:us-east-1:000000000000:provisioningtemplate/fleet';
const THING = 'arn:aws:iot:us-east-1:000000000000:thing/pump';

const iot = {
  permissions: { CreateThing: () => [{ action: 'iot:CreateThing', resources: [THING] }] },
} as unknown as Service;

/** Takes one step with a role that trusts and may what is said; gives why not, and what was told. */
async function step(
  given: { readonly trust?: object; readonly allow?: object; readonly roleArn?: string },
  config: Pick<NodeConfig, 'mode' | 'authorization'> = { mode: 'secured' },
) {
  const { trust = { Service: 'iot.amazonaws.com' }, allow, roleArn = ROLE } = given;
  const document = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
  const text = document(...(allow ? [{ Effect: 'Allow', ...allow }] : []));
  const principals = {
    generation: 1,
    policiesOf: (arn: string) =>
      arn === ROLE ? { id: 'AROA1', name: 'fleet', tags: {}, identity: [{ name: 'own', text }] } : undefined,
  };
  const authority = new Authority({ principals, clock: new SimulatedClock(), logger: silentLogger });
  const trustPolicy = document({ Effect: 'Allow', Principal: trust, Action: 'sts:AssumeRole' });
  const iam = { roleByArn: (arn: string) => (arn === ROLE ? ({ arn, id: 'AROA1', trustPolicy } as never) : undefined) };
  const told: Denial[] = [];
  const denials = { tell: (_caller: unknown, denial: Denial) => void told.push(denial) };
  const rights = new RoleRights({ ...config, authority, iam, denials });
  const check = provisioningAuthorization({ ...config, rights, authority, iam, denials, iot: () => iot });
  const failed = await check(roleArn, TEMPLATE, { operation: 'CreateThing', input: {}, region: 'us-east-1' }).then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
  return { failed, told: told.map(({ action, resource }) => `${action} ${resource}`) };
}

const CREATES = { Action: 'iot:CreateThing', Resource: THING };

test('a role that trusts AWS IoT takes the steps that it may', async () => {
  assert.deepEqual(await step({ allow: CREATES }), { failed: undefined, told: [] });
  assert.deepEqual(await step({}), { failed: 'forbidden', told: [`iot:CreateThing ${THING}`] });
  const others = { ...CREATES, Resource: `${THING}-of-others` };
  assert.equal((await step({ allow: others })).failed, 'forbidden');
});

test('a role that trusts others, or is not there, takes none', async () => {
  const trust = { Service: 'lambda.amazonaws.com' };
  assert.deepEqual(await step({ allow: CREATES, trust }), { failed: 'forbidden', told: [`sts:AssumeRole ${ROLE}`] });
  for (const roleArn of [`${ROLE}-gone`, '']) {
    assert.equal((await step({ allow: CREATES, roleArn })).failed, 'forbidden', roleArn);
  }
});

test('`dev` holds roles that are there, and with authorization off none', async () => {
  assert.equal((await step({ roleArn: `${ROLE}-gone` }, { mode: 'dev' })).failed, undefined);
  assert.equal((await step({}, { mode: 'dev' })).failed, 'forbidden');
  assert.equal((await step({}, { mode: 'dev', authorization: 'off' })).failed, undefined);
});
