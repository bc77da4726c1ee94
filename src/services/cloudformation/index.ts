/** services/cloudformation: stacks of resources from templates, CloudFormation's and SAM's, through the services' public operations. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { lazyOperations, lazyPermissions, opening, type Service } from '../index.ts';
import type { CloudFormationDependencies, OpenCloudFormation } from './cloudformation.ts';
import { CLOUDFORMATION_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { ANSWERS_PREFIX, hasStacks } from './presence.ts';
import type { JsonObject } from './template/value.ts';

export { type AuthorizeCall, type Call, type CallContext, callServices } from './calls.ts';

/** @throws ValidationError when the text is no template. Its reader of YAML is loaded with the first one. */
export async function readTemplate(text: string): Promise<JsonObject> {
  return (await import('./template/reader.ts')).readTemplate(text);
}

export interface CloudFormation extends AsyncDisposable {
  readonly service: Service;
  /** Where custom resources' answers come in: the route of the node below `callbackBase`. */
  readonly answers: {
    readonly prefix: string;
    handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  };
  /** Takes up deployments that a stop of the node cut off. Call it once the services that `call` reaches are open. */
  resume(): void;
}

/**
 * The service. A node that has no stacks loads it, all types of resources with it, with the first call; one that has opens it at once, so
 * that what it cannot read keeps it from starting. Nothing runs before {@link CloudFormation.resume} or a request.
 */
export async function openCloudFormation(dependencies: CloudFormationDependencies): Promise<CloudFormation> {
  let isResumed = false;
  let open: OpenCloudFormation | undefined;
  const whole = opening(async () => {
    const { openStacks } = await import('./cloudformation.ts');
    open = await openStacks(dependencies);
    if (isResumed) open.resume();
    return open;
  });
  if (await hasStacks(dependencies.records)) await whole();
  return {
    service: {
      name: 'cloudformation',
      errors: CLOUDFORMATION_ANSWERS,
      operations: lazyOperations(OPERATION_NAMES, async () => (await whole()).service.operations),
      permissions: lazyPermissions(OPERATION_NAMES, async () => (await whole()).service.permissions!),
    },
    answers: {
      prefix: ANSWERS_PREFIX,
      handle: async (request, response) => (await whole()).answers.handle(request, response),
    },
    resume: () => {
      isResumed = true;
      open?.resume();
    },
    [Symbol.asyncDispose]: async () => {
      const begun = await whole.begun();
      await begun?.[Symbol.asyncDispose]();
    },
  };
}
