import { invalid } from '../errors.ts';
import { resourceType } from '../resources/index.ts';
import { coerceProperties, problemsOf, TAGS } from '../resources/properties.ts';
import { faultOfReferences } from '../template/dynamic-references.ts';
import { evaluate, isKnown, type Scope, UNKNOWN, type Value } from '../template/evaluate.ts';
import { activeResources, createScope, type StackIdentity, type World } from '../template/program.ts';
import { parseTemplate, type Template } from '../template/template.ts';
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';
import type { Definition, Output, StackResource, Tag } from './model.ts';

const templates = new WeakMap<Definition, Template>();

/** The parsed template of a definition; parsed once. */
export function templateOf(definition: Definition): Template {
  const known = templates.get(definition);
  if (known) return known;
  const template = parseTemplate(definition.processed);
  templates.set(definition, template);
  return template;
}

export function scopeOf(definition: Definition, identity: StackIdentity, world: World): Scope {
  const parameters = { ...definition.parameters, ...definition.stored };
  return createScope(templateOf(definition), parameters, identity, world);
}

/** The world of resources that stand: what they give is known. */
export function standingWorld(
  resources: Readonly<Record<string, StackResource>>,
  importValue: (name: string) => Json,
): World {
  return {
    ref: (id) => resources[id]?.physicalId || undefined,
    attribute: (id, name) => {
      const resource = resources[id];
      if (!resource?.physicalId) return undefined;
      checkAttribute(id, resource.type, name);
      const value = resource.attributes[name];
      const given = resourceType(resource.type)?.given;
      if (value === undefined && given?.names.test(name)) throw invalid(given.missing(name, id, resource));
      return value;
    },
    importValue,
  };
}

/** A world in which nothing stands yet but everything will: for checking a template before anything is made. */
export function unknownWorld(template: Template, importValue: (name: string) => Json): World {
  return {
    ref: (id) => (template.resources[id] ? UNKNOWN : undefined),
    attribute: (id, name) => {
      const resource = template.resources[id];
      if (!resource) return undefined;
      checkAttribute(id, resource.Type, name);
      return UNKNOWN;
    },
    importValue,
  };
}

/** @throws validation when the type has no such attribute */
export function checkAttribute(id: string, type: string, name: string): void {
  const row = resourceType(type);
  if (row?.given?.names.test(name) || row?.attributes.includes(name)) return;
  throw invalid(`Template error: resource ${id} does not support attribute type ${name} in Fn::GetAtt`);
}

/**
 * The properties of one resource: computed, brought into their kinds, with the stack's tags under its own.
 *
 * @throws validation  naming the resource and the property
 */
export function resourceProperties(
  id: string,
  scope: Scope,
  stackTags: readonly Tag[],
): Readonly<Record<string, Value>> {
  const { Type, Properties } = scope.template.resources[id]!;
  const { properties: schema, notBuilt, open } = resourceType(Type)!;
  const value = evaluate(Properties, scope, '/Resources') ?? {};
  if (!isObject(value)) throw invalid(`Template format error: [/Resources/${id}/Properties] must be an object.`);
  const fault = faultOfReferences(value);
  if (fault !== undefined) throw invalid(`Template error: resource ${id}: ${fault}`);
  const problems = problemsOf(schema, value, notBuilt, open);
  if (problems.length)
    throw invalid(`Properties validation failed for resource ${id} with message: ${problems.join('; ')}`);
  try {
    const coerced = coerceProperties(schema, value);
    return schema.Tags === TAGS ? withStackTags(coerced, stackTags) : coerced;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalid(`Properties validation failed for resource ${id} with message: ${error.message}`);
  }
}

/** A stack's tags go to each of its resources that can have tags; a resource's own come first. */
function withStackTags(
  properties: Readonly<Record<string, Value>>,
  stackTags: readonly Tag[],
): Readonly<Record<string, Value>> {
  const own = properties.Tags ?? [];
  if (stackTags.length === 0 || !Array.isArray(own)) return properties;
  const keys = new Set(own.map((tag) => (tag as JsonObject).Key));
  const added = stackTags.filter(({ Key }) => !keys.has(Key)).map(({ Key, Value }) => ({ Key, Value }));
  return { ...properties, Tags: [...own, ...added] };
}

/** Properties in which nothing is unknown. */
export function knownProperties(properties: Readonly<Record<string, Value>>): JsonObject {
  if (!isKnown(properties)) throw invalid('Template error: a property refers to a resource that is not there');
  return properties as JsonObject;
}

/** Outputs whose condition holds. @throws validation one that is no text */
export function computeOutputs(scope: Scope): readonly Output[] {
  return Object.entries(scope.template.outputs)
    .filter(([, { Condition }]) => Condition === undefined || scope.condition(Condition))
    .map(([key, output]) => {
      const value = evaluate(output.Value, scope, '/Outputs');
      const name = output.Export && evaluate(output.Export.Name, scope, '/Outputs');
      return {
        key,
        value: outputText(value, key),
        ...(typeof output.Description === 'string' && { description: output.Description }),
        ...(name !== undefined && { exportName: outputText(name, key) }),
      };
    });
}

function outputText(value: Value | undefined, key: string): string {
  if (value === UNKNOWN) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalid(
    `Template format error: Output ${key} is malformed. The Value field of every Outputs member must evaluate to a String.`,
  );
}

/** Names that the active part of a template imports, so far as they can be told from parameters. */
export function importsOf(scope: Scope): readonly string[] {
  const names = new Set<string>();
  const visit = (value: Json): void => {
    const intrinsic = asIntrinsic(value);
    if (intrinsic?.name === 'Fn::ImportValue') {
      const name = evaluate(intrinsic.argument, scope, '/Resources');
      if (typeof name === 'string') names.add(name);
    }
    if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) visit(member as Json);
  };
  for (const { Properties } of Object.values(activeResources(scope))) visit(Properties);
  for (const { Value } of Object.values(scope.template.outputs)) visit(Value);
  return [...names].sort();
}
