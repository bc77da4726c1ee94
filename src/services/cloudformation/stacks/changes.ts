import { resourceType } from '../resources/index.ts';
import { changedProperties } from '../resources/properties.ts';
import { isKnown, UNKNOWN, type Value } from '../template/evaluate.ts';
import { activeResources, dependencyGraph, type StackIdentity, type World } from '../template/program.ts';
import type { Graph } from '../template/references.ts';
import { referencesOf } from '../template/references.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { checkAttribute, resourceProperties, scopeOf } from './evaluation.ts';
import type { Change, ChangedProperty, Definition, StackResource } from './model.ts';

/** What an update does to one resource. */
export type ResourceAction = 'none' | 'update' | 'replace';

/** What a definition would change, and what resources would be made from. */
export interface Announcement {
  readonly changes: readonly Change[];
  /** Of all resources, so far as they are known. */
  readonly properties: ReadonlyMap<string, Readonly<Record<string, Value>>>;
}

/** Whether a change of these properties changes the resource in place or makes a new one. */
export function actionFor(type: string, before: JsonObject, after: Readonly<Record<string, Value>>): ResourceAction {
  const changed = changedProperties(before, after);
  const schema = resourceType(type)!;
  if (changed.length === 0) return schema.updatesAlways ? 'update' : 'none';
  if (!schema.update) return 'replace';
  return changed.some((name) => schema.properties[name]?.replaces) ? 'replace' : 'update';
}

/**
 * What a definition would change in a stack, in the order of its making; removals come last.
 *
 * What depends on a resource that is added or replaced is unknown until then: it counts as a change, evaluated dynamically.
 *
 * @param steady  resources that every update updates, and of which it is known that this one will not change them
 */
export function announceChanges(
  definition: Definition,
  identity: StackIdentity,
  standing: Readonly<Record<string, StackResource>>,
  importValue: (name: string) => Json,
  steady: ReadonlySet<string> = new Set(),
): Announcement {
  const changes = new Map<string, Change>();
  const planned = new Map<string, Readonly<Record<string, Value>>>();
  const scope = scopeOf(definition, identity, previewWorld(definition, standing, changes, importValue, steady));
  const active = activeResources(scope);
  for (const id of inOrder(dependencyGraph(scope))) {
    const existing = standing[id];
    const properties = resourceProperties(id, scope, definition.tags);
    planned.set(id, properties);
    if (!existing?.physicalId) changes.set(id, addition(id, active[id]!.Type));
    else {
      const modified = modification(existing, properties, (name) => causeOf(active[id]!.Properties[name], changes));
      const isSteady = modified?.properties.length === 0 && steady.has(id);
      if (modified && !isSteady) changes.set(id, modified);
    }
  }
  const removed = Object.values(standing).filter(({ logicalId, physicalId }) => physicalId && !active[logicalId]);
  return { changes: [...changes.values(), ...removed.map(removal)], properties: planned };

  function causeOf(value: Json | undefined, known: ReadonlyMap<string, Change>): string | undefined {
    const reference = referencesOf(value ?? null, scope).find(({ name }) => known.has(name));
    return reference && (reference.attribute ? `${reference.name}.${reference.attribute}` : reference.name);
  }
}

/** What stands and stays is known; what is added or replaced is not. */
function previewWorld(
  definition: Definition,
  standing: Readonly<Record<string, StackResource>>,
  changes: ReadonlyMap<string, Change>,
  importValue: (name: string) => Json,
  steady: ReadonlySet<string>,
): World {
  const isNew = (id: string) => {
    const change = changes.get(id);
    return change !== undefined && (change.action === 'Add' || change.replacement !== 'False');
  };
  const declared = (id: string) => (definition.processed.Resources as JsonObject)[id] as JsonObject | undefined;
  return {
    ref: (id) =>
      isNew(id) ? UNKNOWN : ((standing[id]?.physicalId || undefined) ?? (declared(id) ? UNKNOWN : undefined)),
    attribute: (id, name) => {
      const type = declared(id)?.Type;
      if (typeof type !== 'string') return undefined;
      checkAttribute(id, type, name);
      const mayChange = isNew(id) || (resourceType(type)?.updatesAlways && (changes.has(id) || !steady.has(id)));
      return mayChange ? UNKNOWN : (standing[id]?.attributes[name] ?? UNKNOWN);
    },
    importValue,
  };
}

function addition(logicalId: string, type: string): Change {
  return { action: 'Add', logicalId, type, scope: [], properties: [] };
}

function removal({ logicalId, physicalId, type }: StackResource): Change {
  return { action: 'Remove', logicalId, physicalId, type, scope: [], properties: [] };
}

function modification(
  existing: StackResource,
  properties: Readonly<Record<string, Value>>,
  causeOf: (property: string) => string | undefined,
): Change | undefined {
  const schema = resourceType(existing.type)!;
  const changed = changedProperties(existing.properties, properties).map((name): ChangedProperty => {
    const dynamic = properties[name] !== undefined && !isKnown(properties[name]);
    const recreates = !schema.update || schema.properties[name]?.replaces;
    const cause = causeOf(name);
    return {
      name,
      requiresRecreation: recreates ? (dynamic ? 'Conditionally' : 'Always') : 'Never',
      evaluation: dynamic ? 'Dynamic' : 'Static',
      ...(cause !== undefined && { cause }),
    };
  });
  if (changed.length === 0 && !schema.updatesAlways) return undefined;
  const needs = changed.map((property) => property.requiresRecreation);
  const { logicalId, physicalId, type } = existing;
  return {
    action: 'Modify',
    logicalId,
    physicalId,
    type,
    replacement: needs.includes('Always') ? 'True' : needs.includes('Conditionally') ? 'Conditional' : 'False',
    scope: changed.some(({ name }) => name === 'Tags') ? ['Properties', 'Tags'] : ['Properties'],
    properties: changed,
  };
}

/** The nodes so that each comes after those before it; by name where nothing else decides. */
export function inOrder(graph: Graph): readonly string[] {
  const ordered = new Set<string>();
  const visit = (id: string): void => {
    if (ordered.has(id)) return;
    for (const before of graph[id] ?? []) visit(before);
    ordered.add(id);
  };
  for (const id of Object.keys(graph).sort()) visit(id);
  return [...ordered];
}
