/* What imports may bring under a stack, and what else they may not change. */
import { DomainError } from '../../../base/index.ts';
import { invalid } from '../errors.ts';
import { findImported, identifiersOf } from '../resources/importing.ts';
import { resourceType } from '../resources/index.ts';
import type { Identifier, Made, Reading } from '../resources/resource-type.ts';
import { isKnown, type Value } from '../template/evaluate.ts';
import { type Json, type JsonObject, sameJson } from '../template/value.ts';
import type { Change, Definition, ResourceToImport, Stack, StackResource } from './model.ts';
import type { StackStore } from './store.ts';
import { isDeleted } from './transition.ts';

/** What an import would make of a stack. */
export interface ImportPlan {
  readonly resources: readonly ResourceToImport[];
  readonly stack: Stack;
  readonly definition: Definition;
  /** In force; none for a new stack. */
  readonly previous: Definition | undefined;
  /** What the definition would change, were it an update. */
  readonly changes: readonly Change[];
  /** Properties of a resource, so far as they are known. */
  readonly propertiesOf: (logicalId: string) => Readonly<Record<string, Value>>;
}

/** @throws validation  the template cannot be imported with these resources */
export function checkImport(plan: ImportPlan): void {
  const { resources, stack, definition, changes, propertiesOf } = plan;
  if (stack.parentId !== undefined) throw invalid('Resources cannot be imported into a nested stack.');
  const ids = resources.map(({ logicalId }) => logicalId);
  if (ids.length === 0) throw invalid('ResourcesToImport must be specified for change sets of type IMPORT.');
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  if (twice.length > 0) throw invalid(`ResourcesToImport names [${twice.join(', ')}] more than once.`);
  const added = new Map(changes.filter(({ action }) => action === 'Add').map((change) => [change.logicalId, change]));
  for (const { logicalId, type, identifier } of resources) {
    const declared = added.get(logicalId);
    if (!declared) throw invalid(`Resource ${logicalId} to import is not in the template, or is in the stack already.`);
    if (declared.type !== type) {
      throw invalid(`Resource ${logicalId} to import is of type ${declared.type} in the template, not ${type}.`);
    }
    checkIdentifier(logicalId, type, identifier, propertiesOf(logicalId));
  }
  const declarations = definition.processed.Resources as Readonly<Record<string, JsonObject>>;
  const unkept = ids.filter((id) => declarations[id]!.DeletionPolicy === undefined);
  if (unkept.length > 0) {
    throw invalid(
      `The following resources to import [${unkept.join(', ')}] must have DeletionPolicy attribute specified in the template.`,
    );
  }
  checkRest(plan, new Set(ids));
}

function checkIdentifier(
  logicalId: string,
  type: string,
  identifier: Identifier,
  properties: Readonly<Record<string, Value>>,
): void {
  const names = identifiersOf(type);
  if (!names) throw invalid(`ResourceTypes [${type}] are not supported for Import`);
  if (!sameJson([...names].sort(), Object.keys(identifier).sort())) {
    throw invalid(`Resource ${logicalId} to import must be identified by [${names.join(', ')}].`);
  }
  const other = names.find((name) => typeof properties[name] === 'string' && properties[name] !== identifier[name]);
  if (other !== undefined) {
    throw invalid(`Resource ${logicalId} to import has another ${other} in the template than in its identifier.`);
  }
}

/** All that is not imported stands as it does. */
function checkRest({ definition, previous, changes }: ImportPlan, imported: ReadonlySet<string>): void {
  const [before, after] = [previous?.processed ?? {}, definition.processed];
  if (!sameJson(before.Outputs ?? {}, after.Outputs ?? {})) {
    throw invalid('As part of the import operation, you cannot modify or add [Outputs]');
  }
  const section = ({ Resources }: JsonObject) => (Resources ?? {}) as JsonObject;
  const declared = new Set([...Object.keys(section(before)), ...Object.keys(section(after))]);
  const rewritten = [...declared].filter((id) => !sameJson(section(before)[id], section(after)[id]));
  const touched = changes.filter(isChange).map(({ logicalId }) => logicalId);
  const others = [...new Set([...rewritten, ...touched])].filter((id) => !imported.has(id));
  if (others.length > 0) {
    throw invalid(
      `You have modified resources [${others.sort().join(', ')}] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.`,
    );
  }
}

/** Stacks in a stack count as changed by every update: what is behind their URL may be another template. */
const isChange = ({ action, properties }: Change) => action !== 'Modify' || properties.length > 0;

/**
 * Finds what is to be imported, as far as it can be told before: what a template refers to may not be there yet.
 *
 * @returns the changes to announce, or why it cannot be imported
 */
export async function planImports(
  { resources, stack, changes, propertiesOf }: ImportPlan,
  reading: Reading,
  ownership: Ownership,
): Promise<{ readonly changes: readonly Change[] } | { readonly fault: string }> {
  const announced: Change[] = [];
  for (const change of changes) {
    const { logicalId, type } = change;
    const identifier = resources.find((one) => one.logicalId === logicalId)?.identifier;
    if (!identifier) continue;
    const known = Object.entries(propertiesOf(logicalId)).filter(([, value]) => isKnown(value));
    try {
      const made = await findImported(type, identifier, Object.fromEntries(known) as JsonObject, reading);
      if (made) ownership.check({ stack, logicalId, type, identifier, physicalId: made.physicalId });
      const physicalId = made?.physicalId ?? Object.values(identifier).join('|');
      announced.push({ ...change, action: 'Import', physicalId });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { fault: error.message };
    }
  }
  return { changes: announced };
}

/** A thing in the world that a resource of a stack is to stand for. */
interface Claim {
  readonly stack: Stack;
  readonly logicalId: string;
  readonly type: string;
  readonly identifier: Identifier;
  readonly physicalId: Made['physicalId'];
}

/** Sees to it that a thing is in one stack of its region at most, and there once. */
export class Ownership {
  readonly #store: Pick<StackStore, 'stacks'>;
  /** Claims of steps that are under way, whose stacks do not say so yet. */
  readonly #claims = new Set<Claim>();

  constructor(store: Pick<StackStore, 'stacks'>) {
    this.#store = store;
  }

  /** @throws validation  it is in a stack already, or coming into one */
  check(claim: Claim): void {
    const { stack, logicalId, physicalId } = claim;
    for (const other of this.#store.stacks()) {
      if (other.region !== stack.region || other.status === 'DELETE_COMPLETE') continue;
      const isOther = (one: StackResource) => other.uuid !== stack.uuid || one.logicalId !== logicalId;
      if (held(other).some((one) => isOther(one) && isSame(claim, one, one.properties))) {
        throw invalid(`${physicalId} already exists in stack ${other.id}`);
      }
    }
    for (const other of this.#claims) {
      const isOther = other.stack.uuid !== stack.uuid || other.logicalId !== logicalId;
      const isHere = other.stack.region === stack.region;
      if (isOther && isHere && isSame(claim, other, other.identifier)) {
        throw invalid(`${physicalId} is being imported into stack ${other.stack.id}`);
      }
    }
  }

  /** Holds it until the stack itself says that it has it. @throws validation  like {@link Ownership.check} */
  claim(claim: Claim): Disposable {
    this.check(claim);
    this.#claims.add(claim);
    return { [Symbol.dispose]: () => void this.#claims.delete(claim) };
  }
}

/** All that stands for a stack, what it is about to give up included. */
function held({ resources, deployment, suspended }: Stack): readonly StackResource[] {
  const all = [...Object.values(resources), ...(deployment?.garbage ?? []), ...(suspended?.garbage ?? [])];
  return all.filter((resource) => resource.physicalId !== '' && !isDeleted(resource));
}

/** Physical ids may be names within another resource, which the identifier names too. */
function isSame(
  { type, physicalId, identifier }: Claim,
  other: { readonly type: string; readonly physicalId: string },
  properties: Readonly<Record<string, Json>>,
): boolean {
  if (other.type !== type || other.physicalId !== physicalId) return false;
  const { properties: schema } = resourceType(type)!;
  // What the service gives may be spelled in more than one way, and the physical id says it.
  const given = Object.entries(identifier).filter(([name]) => schema[name] !== undefined);
  return given.every(([name, value]) => (properties[name] ?? value) === value);
}
