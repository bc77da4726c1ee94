import { DomainError, hasCode, messageOf, type Random, uuid } from '../../base/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import type { Caller, Service } from '../index.ts';

/** In whose name and where a stack's resources are made. */
export interface CallContext {
  readonly region: string;
  readonly caller: Caller;
  /** The stack's service role, which then acts in the caller's place. */
  readonly roleArn?: string;
}

/** Decides about a call in a stack's name. @throws DomainError AccessDenied */
export type AuthorizeCall = (
  service: Service,
  operation: string,
  input: object,
  context: CallContext,
) => Promise<void> | void;

/**
 * Calls a public operation of another service in process, with the member names of AWS's model.
 *
 * @throws DomainError whose `code` is the AWS error type (`ResourceNotFoundException`); `NotImplemented` when there is no such operation
 */
export type Call = (service: string, operation: string, input: object, context: CallContext) => Promise<any>;

/**
 * The way from stacks to the services of this node.
 *
 * @param find  a service by its name; `undefined` when the node has none of that name
 * @param endpoint  base of URLs in answers, such as queue URLs
 */
export function callServices(options: {
  readonly find: (name: string) => Service | undefined;
  readonly endpoint: () => string;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly authorize: AuthorizeCall;
}): Call {
  const { find, endpoint, random, signal, authorize } = options;
  return async (serviceName, operationName, input, callContext) => {
    const { region, caller } = callContext;
    const service = find(serviceName);
    const operation = service?.operations[operationName];
    if (!service || !operation) {
      throw new DomainError('NotImplemented', `${serviceName}:${operationName} is not built in Millrace`);
    }
    await authorize(service, operationName, input, callContext);
    const context = {
      requestId: uuid(random),
      region,
      caller,
      endpoint: endpoint(),
      signal,
      trace: newTrace(random),
    };
    try {
      return (await operation(input, context)) ?? {};
    } catch (error) {
      throw publicError(service, error);
    }
  };
}

/** The error as a client of the service would see it. */
function publicError(service: Service, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  const answer = typeof code === 'string' ? service.errors[code] : undefined;
  if (!answer) return error;
  return new DomainError(answer.type, messageOf(error), { cause: error, remedy: (error as DomainError).remedy });
}

const NOT_FOUND = [
  'ResourceNotFoundException',
  'NotFoundException',
  'NotFound',
  'NoSuchEntity',
  'NoSuchEntityException',
  'NoSuchBucket',
  'NoSuchBucketPolicy',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
  'ResourceNotFound',
];

const CONFLICT = [
  'ResourceInUseException',
  'ResourceConflictException',
  'ResourceExistsException',
  'ResourceAlreadyExistsException',
  'EntityAlreadyExists',
  'EntityAlreadyExistsException',
  'QueueNameExists',
  'QueueAlreadyExists',
  'BucketAlreadyOwnedByYou',
  'BucketAlreadyExists',
];

/** The service says that the thing is not there. */
export function isNotFound(error: unknown): boolean {
  return NOT_FOUND.some((code) => hasCode(error, code));
}

/** The service says that a thing of this name is there already. */
export function isConflict(error: unknown): boolean {
  return CONFLICT.some((code) => hasCode(error, code));
}
