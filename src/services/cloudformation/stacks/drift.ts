import type { Caller } from '../../index.ts';
import type { Call } from '../calls.ts';
import { readResource } from '../resources/readers.ts';
import { hasReference } from '../template/dynamic-references.ts';
import { type Json, type JsonObject, sameJson } from '../template/value.ts';
import type { DriftDifference, ResourceDrift, Stack, StackDrift, StackResource } from './model.ts';

export interface DriftOptions {
  readonly id: string;
  readonly now: number;
  readonly call: Call;
  /** Who asks: the resources are read with their rights. */
  readonly caller: Caller;
  /** Logical ids of the resources that are looked at; all unless said. */
  readonly only?: readonly string[];
  /** Whether a value holds what must not be seen. */
  readonly isSecret: (value: Json) => boolean;
}

/** Compares what the resources of a stack are with what it made them, as far as the template says. */
export async function detectDrift(stack: Stack, options: DriftOptions): Promise<StackDrift> {
  const { id, now, only } = options;
  const chosen = Object.values(stack.resources).filter(
    ({ logicalId, physicalId }) => physicalId !== '' && (only === undefined || only.includes(logicalId)),
  );
  const found = await Promise.all(chosen.map((resource) => driftOf(resource, stack, options)));
  // What was not looked at this time keeps what was found before.
  const kept =
    only === undefined ? [] : (stack.drift?.resources ?? []).filter(({ logicalId }) => !only.includes(logicalId));
  const resources = [...kept, ...found];
  const drifted = resources.filter(({ status }) => status === 'MODIFIED' || status === 'DELETED').length;
  return { id, at: now, status: drifted > 0 ? 'DRIFTED' : 'IN_SYNC', drifted, resources };
}

async function driftOf(
  resource: StackResource,
  stack: Stack,
  { now: at, call, caller, isSecret }: DriftOptions,
): Promise<ResourceDrift> {
  const { logicalId, type, properties } = resource;
  const context = { region: stack.region, caller };
  const actual = await readResource(type, resource, (service, operation, input, region = stack.region) =>
    call(service, operation, input, { ...context, region }),
  );
  if (actual === 'unknown') return { logicalId, at, status: 'NOT_CHECKED', differences: [] };
  if (actual === 'deleted') return { logicalId, at, status: 'DELETED', differences: [] };
  // What stands in the place of a reference, or was given with NoEcho, is not ours to show, changed or not.
  const compared = Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) => Object.hasOwn(actual, name) && !hasReference(value) && !isSecret(value),
    ),
  );
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
