import { invalid } from '../errors.ts';
import { evaluateCondition, type Scope, unresolved, type Value } from './evaluate.ts';
import { type ParameterTexts, parameterValue } from './parameters.ts';
import { findCycle, type Graph, referencesOf } from './references.ts';
import type { ResourceDeclaration, Template } from './template.ts';
import type { Json } from './value.ts';

/** What the pseudo parameters tell of the stack. */
export interface StackIdentity {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  readonly accountId: string;
  readonly notificationArns: readonly string[];
}

/** What the resources of the stack give, as far as they are made. */
export interface World {
  ref(logicalId: string): Value | undefined;
  attribute(logicalId: string, attribute: string): Value | undefined;
  importValue(name: string): Json;
}

/** A world without resources: for conditions, dependencies and what may use parameters only. */
export const EMPTY_WORLD: World = {
  ref: () => undefined,
  attribute: () => undefined,
  importValue: (name) => {
    throw invalid(`Template error: Fn::ImportValue of ${name} is not allowed here`);
  },
};

/** Joins template, parameters, stack and world into what values are computed in. Conditions are computed once. */
export function createScope(
  template: Template,
  parameters: ParameterTexts,
  identity: StackIdentity,
  world: World,
): Scope {
  const pseudo = pseudoParameters(identity);
  const conditions = new Map<string, boolean | 'computing'>();
  const scope: Scope = {
    template,
    region: identity.region,
    parameter: (name) => {
      const declaration = template.parameters[name];
      if (declaration && parameters[name] !== undefined) return parameterValue(declaration, parameters[name]);
      return pseudo[name];
    },
    condition: (name) => {
      const known = conditions.get(name);
      if (known === 'computing')
        throw invalid(`Template format error: Circular dependency between conditions: [${name}]`);
      if (known !== undefined) return known;
      const expression = template.conditions[name];
      if (expression === undefined)
        throw invalid(
          `Template format error: Unresolved condition dependency ${name} in the Conditions block of the template`,
        );
      conditions.set(name, 'computing');
      const value = evaluateCondition(expression, scope);
      conditions.set(name, value);
      return value;
    },
    ...world,
  };
  return scope;
}

function pseudoParameters(identity: StackIdentity): Readonly<Record<string, Json>> {
  return {
    'AWS::AccountId': identity.accountId,
    'AWS::NotificationARNs': identity.notificationArns,
    'AWS::Partition': 'aws',
    'AWS::Region': identity.region,
    'AWS::StackId': identity.id,
    'AWS::StackName': identity.name,
    'AWS::URLSuffix': 'amazonaws.com',
  };
}

/** Resources whose condition holds, by logical id. */
export function activeResources(scope: Scope): Readonly<Record<string, ResourceDeclaration>> {
  return Object.fromEntries(
    Object.entries(scope.template.resources).filter(
      ([, { Condition }]) => Condition === undefined || scope.condition(Condition),
    ),
  );
}

/**
 * What must be made before what: by reference and by `DependsOn`.
 *
 * @throws validation  a name that leads nowhere, or a circle
 */
export function dependencyGraph(scope: Scope): Graph {
  const active = activeResources(scope);
  const graph = Object.fromEntries(
    Object.entries(active).map(([id, resource]) => [id, dependenciesOf(id, resource, scope, active)]),
  );
  const cycle = findCycle(graph);
  if (cycle.length) throw invalid(`Circular dependency between resources: [${cycle.join(', ')}]`);
  return graph;
}

function dependenciesOf(
  id: string,
  resource: ResourceDeclaration,
  scope: Scope,
  active: Readonly<Record<string, ResourceDeclaration>>,
): readonly string[] {
  const names = new Set<string>();
  for (const { name } of referencesOf(resource.Properties, scope)) {
    if (Object.hasOwn(active, name)) names.add(name);
    else if (scope.parameter(name) === undefined && name !== 'AWS::NoValue') throw unresolved([name], '/Resources');
  }
  for (const name of resource.DependsOn) {
    if (!Object.hasOwn(scope.template.resources, name)) throw unresolved([name], '/Resources');
    // A resource that is left out by its condition is not waited for.
    if (Object.hasOwn(active, name)) names.add(name);
  }
  if (names.has(id)) throw invalid(`Circular dependency between resources: [${id}]`);
  return [...names].sort();
}
