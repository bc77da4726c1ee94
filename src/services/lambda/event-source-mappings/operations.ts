import { parseArn } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { functionNotFound, invalidParameter, LambdaError } from '../errors.ts';
import { functionArn, parseReference } from '../names.ts';
import { page } from '../operations/shapes.ts';
import type { MappingDependencies, Mappings } from './mappings.ts';
import { mappingShape } from './shape.ts';
import { settingsFrom, sourceKindOf } from './validate.ts';

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
      const settings = settingsFrom(input, kind);
      const fn = existing(input.FunctionName, context);
      checkSource(sourceArn, dependencies);
      const enabled = input.Enabled ?? true;
      return mappingShape(await mappings.create({ ...fn, region: context.region, sourceArn, enabled, settings }));
    },

    GetEventSourceMapping: ({ UUID }, { region }) => mappingShape(mappings.get(region, UUID)),

    UpdateEventSourceMapping: async (input, context) =>
      mappingShape(
        await mappings.update(context.region, input.UUID, (mapping) => ({
          ...mapping,
          ...(input.FunctionName !== undefined && existing(input.FunctionName, context)),
          enabled: input.Enabled ?? mapping.enabled,
          settings: settingsFrom(input, sourceKindOf(mapping.sourceArn), mapping.settings),
        })),
      ),

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
function checkSource(sourceArn: string, { sourceFor }: MappingDependencies): void {
  try {
    sourceFor(sourceArn);
  } catch (error) {
    const queue = parseArn(sourceArn)?.service === 'sqs';
    const reason = queue
      ? 'Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. ' +
        'SQS Error Message: The specified queue does not exist.'
      : `Stream not found: ${sourceArn}`;
    throw new LambdaError('invalid-parameter', reason, { cause: error });
  }
}
