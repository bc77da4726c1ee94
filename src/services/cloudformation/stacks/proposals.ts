import { hasCode } from '../../../base/index.ts';
import type { Call } from '../calls.ts';
import { invalid } from '../errors.ts';
import type { Reading } from '../resources/resource-type.ts';
import type { Value } from '../template/evaluate.ts';
import type { ReadObjectAs } from '../template/location.ts';
import { sameJson } from '../template/value.ts';
import { type Announcement, announceChanges } from './changes.ts';
import { computeOutputs, resourceProperties, scopeOf, templateOf, unknownWorld } from './evaluation.ts';
import type { Exports } from './exports.ts';
import type { Change, Definition, Stack } from './model.ts';
import { checkDefinition, prepareDefinition } from './preparation.ts';
import type { StackRequest } from './requests.ts';
import { identityOf } from './step-work.ts';
import type { StackStore } from './store.ts';

/** What requests would make of stacks: definitions, held to all that is known before anything is made. */
export class Proposals {
  readonly #store: StackStore;
  readonly #exports: Exports;
  readonly #call: Call;
  readonly #readAs: ReadObjectAs;

  constructor({
    store,
    exports,
    call,
    readAs,
  }: {
    readonly store: StackStore;
    readonly exports: Exports;
    readonly call: Call;
    readonly readAs: ReadObjectAs;
  }) {
    this.#store = store;
    this.#exports = exports;
    this.#call = call;
    this.#readAs = readAs;
  }

  /** What the stack is made from; `undefined` while it only has change sets. */
  inForce(stack: Stack): Definition | undefined {
    // What is being made or imported first is what the stack is made from.
    return this.#store.definition(stack, stack.revision || (stack.deployment?.revision ?? 0));
  }

  /** @param stack  that it is for, where it is there; @throws validation */
  async prepare(request: StackRequest, stack: Stack | undefined): Promise<Definition> {
    const previous = stack && this.inForce(stack);
    const templateBody = request.templateBody ?? previous?.templateBody;
    if (templateBody === undefined) throw invalid('Either Template URL or Template Body must be specified.');
    const roleArn = request.roleArn ?? previous?.roleArn;
    return prepareDefinition(
      {
        templateBody,
        parameters: request.parameters,
        tags: request.tags ?? previous?.tags ?? [],
        capabilities: request.capabilities,
        notificationArns: request.notificationArns ?? previous?.notificationArns ?? [],
        ...(roleArn !== undefined && { roleArn }),
      },
      previous,
      {
        identity: stack
          ? identityOf(stack, [])
          : {
              name: request.stackName,
              id: '',
              region: request.region,
              accountId: request.caller.accountId,
              notificationArns: [],
            },
        readObject: this.#readAs(request),
        storedParameter: (name) => this.#storedParameter(name, request),
      },
    );
  }

  async #storedParameter(Name: string, { region, caller }: StackRequest): Promise<string> {
    try {
      const { Parameter } = await this.#call('ssm', 'GetParameter', { Name }, { region, caller });
      if (Parameter.Type === 'SecureString') {
        throw invalid(`Parameters [${Name}] referenced by template have types not supported by CloudFormation.`);
      }
      return String(Parameter.Value);
    } catch (error) {
      if (!hasCode(error, 'ParameterNotFound')) throw error;
      throw invalid(`Unable to fetch parameters [${Name}] from parameter store for this account.`);
    }
  }

  /** @throws validation, capabilities-missing */
  check(definition: Definition, stack: Stack, { resourceTypes }: Pick<StackRequest, 'resourceTypes'>): void {
    const identity = identityOf(stack, definition.notificationArns);
    checkDefinition(definition, identity, (name) => this.#exports.importValue(stack.region, name));
    this.#requireSameTypes(definition, stack);
    const exported = this.#exportNames(definition, stack);
    this.#exports.requireUnused(stack, exported);
    this.#exports.requireFree(stack, exported);
    if (resourceTypes?.length) this.#requireTypes(definition, stack, resourceTypes);
  }

  #requireTypes(definition: Definition, stack: Stack, allowed: readonly string[]): void {
    const isAllowed = (type: string) =>
      allowed.some((one) => (one.endsWith('*') ? type.startsWith(one.slice(0, -1)) : type === one));
    const types = this.announce(stack, definition).map(({ type }) => type);
    const refused = [...new Set(types.filter((type) => !isAllowed(type)))];
    if (refused.length > 0) {
      throw invalid(`Resource types [${refused.join(', ')}] are not allowed by ResourceTypes [${allowed.join(', ')}]`);
    }
  }

  #requireSameTypes(definition: Definition, stack: Stack): void {
    const { resources } = templateOf(definition);
    const changed = Object.values(stack.resources)
      .filter(
        ({ logicalId, type, physicalId }) => physicalId && resources[logicalId] && resources[logicalId].Type !== type,
      )
      .map(({ logicalId }) => logicalId);
    if (changed.length) {
      throw invalid(
        `Update of resource type is not permitted. The new template modifies resource type of the following resources: [${changed.join(', ')}]`,
      );
    }
  }

  /** Names of the exports that a definition will have. */
  #exportNames(definition: Definition, stack: Stack): readonly string[] {
    const importValue = (name: string) => this.#exports.importValue(stack.region, name);
    const world = unknownWorld(templateOf(definition), importValue);
    const outputs = computeOutputs(scopeOf(definition, identityOf(stack, definition.notificationArns), world));
    return outputs.flatMap(({ exportName }) => (exportName ? [exportName] : []));
  }

  /** Properties of resources before anything is made: what refers to others is unknown. */
  properties(stack: Stack, definition: Definition): (logicalId: string) => Readonly<Record<string, Value>> {
    const importValue = (name: string) => this.#exports.importValue(stack.region, name);
    const world = unknownWorld(templateOf(definition), importValue);
    const scope = scopeOf(definition, identityOf(stack, definition.notificationArns), world);
    return (logicalId) => resourceProperties(logicalId, scope, definition.tags);
  }

  /** Looks at resources with the rights by which they would be made. */
  reading({ region, caller }: StackRequest, stack: Stack, { roleArn }: Definition): Reading {
    const by = { caller, ...(roleArn !== undefined && { roleArn }) };
    return {
      identity: identityOf(stack, []),
      call: (service, operation, input, where = region) =>
        this.#call(service, operation, input, { ...by, region: where }),
    };
  }

  /** What the definition would change. */
  announce(stack: Stack, definition: Definition): readonly Change[] {
    return this.preview(stack, definition).changes;
  }

  /** @param steady  nested stacks of which it is known that nothing in them changes */
  preview(stack: Stack, definition: Definition, steady?: ReadonlySet<string>): Announcement {
    const identity = identityOf(stack, definition.notificationArns);
    const importValue = (name: string) => this.#exports.importValue(stack.region, name);
    return announceChanges(definition, identity, stack.resources, importValue, steady);
  }

  /** Whether there is anything to do. @param changes  what would change in resources */
  differs(stack: Stack, definition: Definition, changes = this.announce(stack, definition)): boolean {
    const previous = this.inForce(stack);
    if (!previous || stack.status.endsWith('_FAILED')) return true;
    if (changes.length > 0) return true;
    return !sameJson(
      [definition.processed.Outputs, definition.tags, definition.notificationArns],
      [previous.processed.Outputs, previous.tags, previous.notificationArns],
    );
  }
}
