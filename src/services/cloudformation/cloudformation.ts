import type { Clock, Random } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import type { Call, CallContext } from './calls.ts';
import { CLOUDFORMATION_ANSWERS } from './errors.ts';
import { CLOUDFORMATION_LIMITS } from './limits.ts';
import { changeSetOperations } from './operations/change-sets.ts';
import { driftOperations } from './operations/drift.ts';
import { resourceOperations } from './operations/resources.ts';
import { stackOperations } from './operations/stacks.ts';
import { templateOperations } from './operations/templates.ts';
import { typeOperations } from './operations/types.ts';
import { cloudformationPermissions } from './permissions.ts';
import { AnswerDoor } from './stacks/answer-door.ts';
import { Answers } from './stacks/answers.ts';
import { StackDriver } from './stacks/driver.ts';
import { Exports } from './stacks/exports.ts';
import { Ownership } from './stacks/imports.ts';
import { Nesting } from './stacks/nested.ts';
import { StackNotifications } from './stacks/notifications.ts';
import { Stacks } from './stacks/stacks.ts';
import { StackStore } from './stacks/store.ts';
import type { ReadObject, ReadObjectAs } from './template/location.ts';

export interface CloudFormationDependencies {
  readonly records: Records;
  /** How resources are made; see {@link Call}. */
  readonly call: Call;
  /** Rejects where there is no such object, or it may not be read by `by`. */
  readonly readObject: (bucket: string, key: string, by: CallContext) => ReturnType<ReadObject>;
  /** Base of the URLs by which functions in their sandboxes answer custom resources' requests. */
  readonly callbackBase: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long operations wait for the deployment that they begin; default `CLOUDFORMATION_LIMITS.promptMsMax`. */
  readonly promptMs?: number;
}

/** All of the service, loaded and open. */
export interface OpenCloudFormation extends AsyncDisposable {
  readonly service: Service;
  /** Stacks and change sets, for callers in process. */
  readonly stacks: Stacks;
  /** Where answers come in: the route of the node below `callbackBase`. */
  readonly answers: AnswerDoor;
  /** Takes up deployments that a stop of the node cut off. Call it once the services that `call` reaches are open. */
  resume(): void;
}

/** Opens the service on its records. Nothing runs before {@link OpenCloudFormation.resume} or a request. */
export async function openStacks(dependencies: CloudFormationDependencies): Promise<OpenCloudFormation> {
  const {
    records,
    call,
    readObject,
    callbackBase,
    clock,
    random,
    logger,
    promptMs = CLOUDFORMATION_LIMITS.promptMsMax,
  } = dependencies;
  const store = await StackStore.open(records);
  const notifications = new StackNotifications({ store, call, logger });
  store.onEvents = (uuid) => notifications.tell(uuid);
  const exports = new Exports(store);
  const answers = await Answers.open(records, clock, random);
  const ownership = new Ownership(store);
  const driver = new StackDriver({
    store,
    exports,
    answers,
    ownership,
    callbackBase,
    nested: () => nesting,
    call,
    clock,
    random,
    logger,
  });
  const readAs: ReadObjectAs = (by) => (bucket, key) => readObject(bucket, key, by);
  const stacks = new Stacks({ store, exports, driver, answers, ownership, call, readAs, clock, random, promptMs });
  const nesting: Nesting = new Nesting({ stacks, store, driver, readAs });
  const operations = {
    ...stackOperations(stacks, readAs),
    ...resourceOperations(stacks),
    ...changeSetOperations(stacks, readAs),
    ...templateOperations(stacks, readAs),
    ...driftOperations(stacks),
    ...typeOperations(),
  };
  return {
    service: {
      name: 'cloudformation',
      operations,
      permissions: cloudformationPermissions(stacks, Object.keys(operations)),
      errors: CLOUDFORMATION_ANSWERS,
    },
    stacks,
    answers: new AnswerDoor(answers, (uuid) => store.stack(uuid)),
    resume: () => {
      driver.resume();
      notifications.resume();
    },
    [Symbol.asyncDispose]: async () => {
      await driver[Symbol.asyncDispose]();
      await notifications[Symbol.asyncDispose]();
    },
  };
}
