import { DomainError, messageOf, parseArn } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { functionNotFound, invalidParameter, LambdaError } from '../errors.ts';
import { functionArn, parseReference } from '../names.ts';
import { page } from '../operations/shapes.ts';
import { sourceKindOf } from './kinds.ts';
import type { MappingDependencies, Mappings } from './mappings.ts';
import { mappingShape } from './shape.ts';
import { checkStartingPosition, checkVisibility, settingsFrom } from './validate.ts';

/** Mappings of one page, as AWS has it. */
const PAGE_MAX = 100;

/** The operations of event source mappings. */
export function mappingOperations(mappings: Mappings, dependencies: MappingDependencies): Record<string, Operation> {
  const existing = (name: string, context: OperationContext) => existingFunction(name, context, dependencies);
  return {
    CreateEventSourceMapping: async (input, context) => {
      const sourceArn: string | undefined = input.EventSourceArn;
      if (!sourceArn)
        throw invalidParameter('EventSourceArn is required: self-managed event sources are not supported.');
      const kind = sourceKindOf(sourceArn);
      const settings = settingsFrom(input, kind, dependencies.clock.now());
      checkStartingPosition(kind, input.StartingPosition, sourceArn);
      const fn = existing(input.FunctionName, context);
      checkSource(sourceArn, fn.functionArn, dependencies);
      await checkRole(sourceArn, fn.functionArn, dependencies);
      await checkOnFailure(settings.onFailureArn, fn.functionArn, dependencies);
      const enabled = input.Enabled ?? true;
      return mappingShape(await mappings.create({ ...fn, region: context.region, sourceArn, enabled, settings }));
    },

    GetEventSourceMapping: ({ UUID }, { region }) => mappingShape(mappings.get(region, UUID)),

    UpdateEventSourceMapping: async (input, context) => {
      const current = mappings.get(context.region, input.UUID).mapping;
      const named = input.FunctionName === undefined ? undefined : existing(input.FunctionName, context);
      // Stopping needs no right: a role that has lost it must not keep the mapping running.
      if (input.Enabled !== false) {
        await checkRole(current.sourceArn, (named ?? current).functionArn, dependencies);
      }
      await checkOnFailure(
        input.DestinationConfig?.OnFailure?.Destination,
        (named ?? current).functionArn,
        dependencies,
      );
      return mappingShape(
        await mappings.update(context.region, input.UUID, (mapping) => {
          const { functionArn, functionName, sourceArn } = mapping;
          const fn = named ?? { functionArn, functionName };
          const { clock } = dependencies;
          const settings = settingsFrom(input, sourceKindOf(sourceArn), clock.now(), mapping.settings);
          if (input.Enabled !== false) checkLease(sourceArn, fn.functionArn, dependencies);
          return { ...mapping, ...fn, enabled: input.Enabled ?? mapping.enabled, settings };
        }),
      );
    },

    DeleteEventSourceMapping: async ({ UUID }, { region }) => mappingShape(await mappings.delete(region, UUID)),

    ListEventSourceMappings: ({ EventSourceArn, FunctionName, Marker, MaxItems }, context) => {
      const wanted = FunctionName === undefined ? undefined : namedFunction(FunctionName, context);
      const found = mappings
        .list(context.region)
        .filter(({ mapping }) => EventSourceArn === undefined || mapping.sourceArn === EventSourceArn)
        .filter(({ mapping }) => wanted === undefined || mapping.functionArn === wanted.functionArn);
      const limit = Math.min(MaxItems ?? PAGE_MAX, PAGE_MAX);
      const { items, ...next } = page(found, ({ mapping }) => mapping.uuid, Marker, limit);
      return { EventSourceMappings: items.map(mappingShape), ...next };
    },
  };
}

function namedFunction(text: string, context: OperationContext) {
  const { name, qualifier, region = context.region } = parseReference(text);
  return { functionName: name, functionArn: functionArn(region, name, qualifier) };
}

function existingFunction(text: string, context: OperationContext, { invoker }: MappingDependencies) {
  const fn = namedFunction(text, context);
  if (!invoker.exists(fn.functionArn)) throw functionNotFound(fn.functionArn);
  return fn;
}

/** A source that is not there is refused when the mapping is made; one that goes later shows as a problem. */
function checkSource(sourceArn: string, functionArn: string, dependencies: MappingDependencies): void {
  try {
    dependencies.sourceFor(sourceArn, '');
  } catch (error) {
    throw new LambdaError('invalid-parameter', missing(sourceArn, error), { cause: error });
  }
  checkLease(sourceArn, functionArn, dependencies);
}

function missing(sourceArn: string, error: unknown): string {
  if (parseArn(sourceArn)?.service === 'mqtt') return messageOf(error);
  if (parseArn(sourceArn)?.service !== 'sqs') return `Stream not found: ${sourceArn}`;
  return (
    'Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. ' +
    'SQS Error Message: The specified queue does not exist.'
  );
}

/** The function's role must be able to read what the function is to be given. @throws invalid-parameter, as AWS words it */
async function checkRole(sourceArn: string, arn: string, { refusalToRead }: MappingDependencies): Promise<void> {
  const refused = await refusalToRead?.(arn, sourceArn);
  if (!refused) return;
  throw new LambdaError('invalid-parameter', sourceKindOf(sourceArn).unreadable(sourceArn, refused.action), {
    cause: refused.message,
  });
}

/** Its role must be able to send what has failed for good. @throws invalid-parameter, as AWS words it */
async function checkOnFailure(
  targetArn: string | undefined,
  arn: string,
  { refusalToSend }: MappingDependencies,
): Promise<void> {
  const action = targetArn ? await refusalToSend?.(arn, targetArn) : undefined;
  if (action === undefined) return;
  const service = parseArn(targetArn!)?.service.toUpperCase();
  throw invalidParameter(`The provided execution role does not have permissions to call ${action} on ${service}`);
}

/** What is gone by now has nothing to be compared: the poller says so. */
function checkLease(sourceArn: string, functionArn: string, { sourceFor, invoker }: MappingDependencies): void {
  const timeoutMs = invoker.timeoutMs(functionArn);
  if (timeoutMs === undefined) return;
  let leaseMs: number | undefined;
  try {
    const source = sourceFor(sourceArn, '');
    if (source.kind === 'queue') leaseMs = source.leaseMs();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
  }
  if (leaseMs !== undefined) checkVisibility(leaseMs, timeoutMs);
}
