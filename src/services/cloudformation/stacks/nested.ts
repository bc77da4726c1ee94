import type { DomainError } from '../../../base/index.ts';
import { invalid } from '../errors.ts';
import type { Made, NestedRequest, NestedStacks } from '../resources/resource-type.ts';
import { type ReadObjectAs, readTemplateUrl } from '../template/location.ts';
import type { StackDriver } from './driver.ts';
import { callerOf, type Definition, type Stack, type Tag } from './model.ts';
import { checkDepth } from './nested-requests.ts';
import type { NestedStackRequest } from './requests.ts';
import { NO_UPDATES, type Stacks } from './stacks.ts';
import type { StackStore } from './store.ts';

/** What stacks below others are made with. */
export interface NestingDependencies {
  readonly stacks: Stacks;
  readonly store: StackStore;
  readonly driver: StackDriver;
  readonly readAs: ReadObjectAs;
}

/** Where in its parent a nested stack stands. */
interface Place {
  readonly definition: Definition | undefined;
  readonly logicalId: string;
}

/**
 * Stacks below a stack: each is a stack like any other, made and changed for its parent. An update leaves it held: it keeps what it
 * replaced until the parent says whether its own update has succeeded.
 */
export class Nesting {
  readonly #dependencies: NestingDependencies;

  constructor(dependencies: NestingDependencies) {
    this.#dependencies = dependencies;
  }

  /** The nested stacks of one parent, which is being deployed by `definition`; those that `logicalId` stands for. */
  below(parent: Stack, definition: Definition | undefined, logicalId = ''): NestedStacks {
    const { store, driver } = this.#dependencies;
    const child = (id: string) => store.stack(id.slice(id.lastIndexOf('/') + 1));
    const standing = (id: string) => {
      const stack = child(id);
      if (!stack || stack.status === 'DELETE_COMPLETE') throw invalid(`Stack with id ${id} does not exist`);
      return stack;
    };
    return {
      create: async (name, request, made) => {
        const existing = this.#dependencies.stacks.find(parent.region, name);
        // After a crash: the name was settled before the first try.
        const adopted = existing?.parentId === parent.id && existing.status !== 'REVIEW_IN_PROGRESS' && existing;
        const stack = adopted || (await this.#create(name, request, parent, { definition, logicalId }));
        await made(stack.id);
        return this.#outcome(await driver.atRest(stack.uuid), 'created', ['CREATE_COMPLETE', 'UPDATE_COMPLETE']);
      },

      update: async (id, request) => {
        const stack = standing(id);
        if (!stack.deployment) await this.#update(stack, request, parent, { definition, logicalId });
        const rested = await driver.atRest(stack.uuid);
        return this.#outcome(rested, 'updated', [
          'CREATE_COMPLETE',
          'UPDATE_COMPLETE',
          'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
          ...(rested.updatedAt === stack.updatedAt ? (['UPDATE_ROLLBACK_COMPLETE'] as const) : []),
        ]);
      },

      undo: async (id) => {
        const stack = standing(id);
        await driver.decide(stack.uuid, 'undo');
        // One that failed by itself has been rolled back already.
        return this.#outcome(await driver.settledStack(stack.uuid), 'rolled back', [
          'CREATE_COMPLETE',
          'UPDATE_COMPLETE',
          'UPDATE_ROLLBACK_COMPLETE',
        ]);
      },

      release: async (id) => {
        const stack = child(id);
        if (!stack) return;
        await driver.decide(stack.uuid, 'release');
        await driver.settledStack(stack.uuid);
      },

      delete: async (id) => {
        const stack = child(id);
        if (!stack) return;
        if (stack.deployment?.kind !== 'delete') await driver.settledStack(stack.uuid);
        await this.#dependencies.stacks.delete(parent.region, id, { retain: [], caller: callerOf(parent) });
        const gone = await driver.settledStack(stack.uuid);
        if (gone && gone.status !== 'DELETE_COMPLETE') throw failure(gone, 'deleted');
      },
    };
  }

  /** Name of a stack that is there to be reviewed, and is to be made now; `undefined` where there is none. */
  reviewedName(parent: Stack, logicalId: string): string | undefined {
    const reviewed = this.#dependencies.stacks.changeSets.reviewed(parent.deployment, logicalId, undefined);
    return typeof reviewed === 'object' && reviewed.type === 'CREATE' ? reviewed.stackName : undefined;
  }

  /** The deployment of a stack is over. */
  async tidy(stack: Stack): Promise<void> {
    await this.#dependencies.stacks.changeSets.tidy(stack);
  }

  /** Does the same for those whose end a crash cut off. */
  async tidyAll(): Promise<void> {
    await this.#dependencies.stacks.changeSets.tidyAll();
  }

  async #create(name: string, request: NestedRequest, parent: Stack, place: Place): Promise<Stack> {
    checkDepth(this.#dependencies.store, parent);
    const full = await this.#request(name, request, parent, place);
    const { timeoutMinutes } = request;
    const { deadline } = parent.deployment ?? {};
    return this.#dependencies.stacks.create({
      ...full,
      terminationProtection: false,
      ...(timeoutMinutes !== undefined && { timeoutMinutes }),
      ...(deadline !== undefined && { deadline }),
    });
  }

  async #update(stack: Stack, request: NestedRequest, parent: Stack, place: Place): Promise<void> {
    try {
      await this.#dependencies.stacks.update(await this.#request(stack.id, request, parent, place));
    } catch (error) {
      if ((error as DomainError).message !== NO_UPDATES) throw error;
    }
  }

  async #request(
    stackName: string,
    { templateUrl, parameters, tags, notificationArns }: NestedRequest,
    parent: Stack,
    { definition, logicalId }: Place,
  ): Promise<NestedStackRequest> {
    const by = { region: parent.region, caller: callerOf(parent) };
    const acting = definition?.roleArn === undefined ? {} : { roleArn: definition.roleArn };
    const standingId = stackName.startsWith('arn:') ? stackName : undefined;
    const reviewed = this.#dependencies.stacks.changeSets.reviewed(parent.deployment, logicalId, standingId);
    const read = () => readTemplateUrl(templateUrl, this.#dependencies.readAs({ ...by, ...acting }));
    return {
      stackName,
      ...by,
      // What was reviewed is what is made, whatever is behind the URL by now.
      ...(reviewed === undefined && { templateBody: await read() }),
      ...(typeof reviewed === 'object' && {
        templateBody: reviewed.definition.templateBody,
        changeSetId: reviewed.id,
      }),
      parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      })),
      tags: (tags ?? []) as unknown as readonly Tag[],
      capabilities: definition?.capabilities ?? [],
      notificationArns: notificationArns ?? definition?.notificationArns ?? [],
      ...acting,
      onFailure: parent.deployment?.onFailure === 'DO_NOTHING' ? 'DO_NOTHING' : 'ROLLBACK',
      parent: { id: parent.id, rootId: parent.rootId ?? parent.id },
    };
  }

  #outcome(stack: Stack, deed: string, good: readonly Stack['status'][]): Made {
    if (!good.includes(stack.status)) throw failure(stack, deed);
    const attributes = Object.fromEntries(stack.outputs.map(({ key, value }) => [`Outputs.${key}`, value]));
    return { physicalId: stack.id, attributes };
  }
}

function failure(stack: Stack, deed: string): Error {
  return invalid(
    `Embedded stack ${stack.id} was not successfully ${deed}: ${stack.failure ?? stack.reason ?? stack.status}`,
  );
}
