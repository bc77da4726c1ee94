import type { Random } from '../../../base/index.ts';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { resourceType } from '../resources/index.ts';
import { requestOf } from '../resources/nested-stack.ts';
import { isKnown, type Value } from '../template/evaluate.ts';
import { type ReadObjectAs, readTemplateUrl } from '../template/location.ts';
import type { ParameterInput } from '../template/parameters.ts';
import { type ParameterDeclaration, parseDeclarations } from '../template/template.ts';
import { isObject, type JsonObject } from '../template/value.ts';
import type { Change, Definition, Stack, Tag } from './model.ts';
import { physicalName, randomSuffix } from './naming.ts';
import { readSource } from './preparation.ts';
import type { ChangeSetRequest } from './requests.ts';
import type { StackStore } from './store.ts';

export const NESTED_TYPE = 'AWS::CloudFormation::Stack';

/** A change to a nested stack, as the change set of the stack above it announces it. */
export interface NestedChange {
  /** Of the change set above. */
  readonly id: string;
  readonly request: ChangeSetRequest;
  readonly stack: Stack;
  readonly definition: Definition;
  readonly change: Change;
  readonly properties: Readonly<Record<string, Value>>;
}

/** Asks for the change sets of nested stacks as that of the stack above them would have it. */
export class NestedRequests {
  readonly #store: StackStore;
  readonly #readAs: ReadObjectAs;
  readonly #random: Random;

  constructor({
    store,
    readAs,
    random,
  }: {
    readonly store: StackStore;
    readonly readAs: ReadObjectAs;
    readonly random: Random;
  }) {
    this.#store = store;
    this.#readAs = readAs;
    this.#random = random;
  }

  /** @returns nothing where not even the template is known yet. @throws validation  there is no such template */
  async of(nested: NestedChange): Promise<ChangeSetRequest | undefined> {
    const { id, request, stack, definition, change, properties } = nested;
    const { TemplateURL: url, Parameters = {} } = properties;
    if (typeof url !== 'string' || !isObject(Parameters)) return undefined;
    checkDepth(this.#store, stack);
    const { region, caller } = request;
    const { roleArn } = definition;
    const acting = roleArn === undefined ? {} : { roleArn };
    const standing = change.action === 'Add' ? undefined : this.#store.find(region, change.physicalId!);
    const templateBody = await readTemplateUrl(url, this.#readAs({ region, caller, ...acting }));
    const parameters = Object.entries(Parameters as Readonly<Record<string, Value>>);
    const unknown = parameters.filter(([, value]) => !isKnown(value)).map(([name]) => name);
    const known = Object.fromEntries(Object.entries(properties).filter(([, value]) => isKnown(value))) as JsonObject;
    const told = requestOf({
      ...known,
      TemplateURL: url,
      Parameters: Object.fromEntries(parameters.filter(([, value]) => isKnown(value))) as JsonObject,
    });
    const type = resourceType(NESTED_TYPE)!;
    return {
      stackName: standing?.id ?? physicalName(type, {}, stack.name, change.logicalId, this.#random),
      region,
      caller,
      templateBody,
      parameters: [
        ...Object.entries(told.parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
        ...(await this.#unknownParameters(unknown, templateBody, standing)),
      ],
      tags: (told.tags ?? []) as unknown as readonly Tag[],
      capabilities: definition.capabilities,
      notificationArns: told.notificationArns ?? definition.notificationArns,
      ...acting,
      onFailure: request.onFailure,
      parent: { id: stack.id, rootId: stack.rootId ?? stack.id },
      name: this.#name(request.name, change.logicalId),
      type: standing ? 'UPDATE' : 'CREATE',
      includesNested: true,
      above: { parentId: id, rootId: request.above?.rootId ?? id, isUncertain: unknown.length > 0 },
    };
  }

  #name(above: string, logicalId: string): string {
    const end = `-${logicalId}-${randomSuffix(this.#random)}`;
    return `${above.slice(0, CLOUDFORMATION_LIMITS.changeSetNameMax - end.length)}${end}`;
  }

  /** What depends on resources that are still to be made is as it was, or stands for itself. */
  async #unknownParameters(
    names: readonly string[],
    templateBody: string,
    standing: Stack | undefined,
  ): Promise<readonly ParameterInput[]> {
    if (names.length === 0) return [];
    const { parameters: declared } = parseDeclarations(readSource(templateBody));
    const before = (standing && this.#store.definition(standing))?.parameters ?? {};
    return names.map((ParameterKey) =>
      before[ParameterKey] === undefined
        ? { ParameterKey, ParameterValue: placeholderOf(declared[ParameterKey]) }
        : { ParameterKey, UsePreviousValue: true },
    );
  }
}

/** @throws validation  another stack below it would be too deep */
export function checkDepth(store: StackStore, stack: Stack): void {
  const { nestingMax } = CLOUDFORMATION_LIMITS;
  let depth = 1;
  for (let above = stack.parentId; above !== undefined; depth++) above = store.find('', above)?.parentId;
  if (depth >= nestingMax) throw invalid(`Stacks are nested more than ${nestingMax} deep`);
}

/** A text that the parameter's declaration allows, so far as it says. */
function placeholderOf({ Type = 'String', Default, AllowedValues }: Partial<ParameterDeclaration> = {}): string {
  const [allowed = Default] = AllowedValues ?? [];
  if (allowed !== undefined) return String(allowed);
  return Type.includes('Number') ? '0' : '{{changeSet:KNOWN_AFTER_APPLY}}';
}
