/** event-source-mappings: which function reads which stream or queue, and the pollers that do it. */
import type { Operation, WireAnswer } from '../../index.ts';
import { type MappingDependencies, Mappings, type MappingView } from './mappings.ts';
import { mappingOperations } from './operations.ts';

export { WINDOW_TAG } from './mapping.ts';
export type { MappingDependencies, MappingStatus, MappingView } from './mappings.ts';

/** Event source mappings as the Lambda service takes them in. */
export interface EventSourceMappings extends AsyncDisposable {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly errors: Readonly<Record<string, WireAnswer>>;
  /** All mappings, for the console and the flow picture. */
  mappings(): readonly MappingView[];
}

/** Opens the mappings there are and starts their pollers; disposing drains them. The sources must be open. */
export async function openEventSourceMappings(dependencies: MappingDependencies): Promise<EventSourceMappings> {
  const mappings = await Mappings.open(dependencies);
  return {
    operations: mappingOperations(mappings, dependencies),
    errors: {},
    mappings: () => mappings.list(),
    [Symbol.asyncDispose]: () => mappings[Symbol.asyncDispose](),
  };
}
