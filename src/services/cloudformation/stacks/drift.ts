import type { Call } from '../calls.ts';
import { readResource } from '../resources/readers.ts';
import { type Json, type JsonObject, sameJson } from '../template/value.ts';
import type { DriftDifference, ResourceDrift, Stack, StackDrift, StackResource } from './model.ts';

/** Compares what the resources of a stack are with what it made them, as far as the template says. */
export async function detectDrift(
  stack: Stack,
  options: { readonly id: string; readonly now: number; readonly call: Call; readonly only?: readonly string[] },
): Promise<StackDrift> {
  const { id, now, call, only } = options;
  const chosen = Object.values(stack.resources).filter(
    ({ logicalId, physicalId }) => physicalId !== '' && (only === undefined || only.includes(logicalId)),
  );
  const found = await Promise.all(chosen.map((resource) => driftOf(resource, stack, now, call)));
  // What was not looked at this time keeps what was found before.
  const kept =
    only === undefined ? [] : (stack.drift?.resources ?? []).filter(({ logicalId }) => !only.includes(logicalId));
  const resources = [...kept, ...found];
  const drifted = resources.filter(({ status }) => status === 'MODIFIED' || status === 'DELETED').length;
  return { id, at: now, status: drifted > 0 ? 'DRIFTED' : 'IN_SYNC', drifted, resources };
}

async function driftOf(resource: StackResource, stack: Stack, at: number, call: Call): Promise<ResourceDrift> {
  const { logicalId, type, properties } = resource;
  const context = { region: stack.region, caller: { accountId: stack.accountId, arn: stack.callerArn } };
  const actual = await readResource(type, resource, (service, operation, input, region = stack.region) =>
    call(service, operation, input, { ...context, region }),
  );
  if (actual === 'unknown') return { logicalId, at, status: 'NOT_CHECKED', differences: [] };
  if (actual === 'deleted') return { logicalId, at, status: 'DELETED', differences: [] };
  const compared = Object.fromEntries(Object.entries(properties).filter(([name]) => Object.hasOwn(actual, name)));
  const differences = differencesOf(compared, actual);
  const status = differences.length > 0 ? 'MODIFIED' : 'IN_SYNC';
  // What the template does not say is not compared, and what cannot be read is taken as it was made.
  const shown = { ...properties, ...Object.fromEntries(Object.keys(compared).map((name) => [name, actual[name]!])) };
  return { logicalId, at, status, differences, actual: shown };
}

function differencesOf(expected: JsonObject, actual: JsonObject): readonly DriftDifference[] {
  return Object.entries(expected)
    .filter(([name, value]) => !sameJson(value, actual[name]))
    .map(([name, value]) => ({
      path: `/${name}`,
      expected: textOf(value),
      actual: textOf(actual[name] ?? null),
      kind: actual[name] === null ? 'REMOVE' : 'NOT_EQUAL',
    }));
}

const textOf = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value));
