/** event-source-mappings: which function reads which stream or queue, and the pollers that do it. */
import type { Operation, PermissionsOf, WireAnswer } from '../../index.ts';
import type { TaggedResources } from '../operations/tags.ts';
import { type MappingDependencies, Mappings, type MappingView } from './mappings.ts';
import { mappingOperations } from './operations.ts';
import { mappingPermissions } from './permissions.ts';
import { taggedMappings } from './tags.ts';

export { WINDOW_TAG } from './mapping.ts';
export type { MappingDependencies, MappingStatus, MappingView } from './mappings.ts';

/** Event source mappings as the Lambda service takes them in, and as operators handle them. */
export interface EventSourceMappings extends AsyncDisposable {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly permissions: Readonly<Record<string, PermissionsOf>>;
  readonly errors: Readonly<Record<string, WireAnswer>>;
  readonly tagged: TaggedResources;
  /** All mappings, for the console and the flow picture. */
  mappings(): readonly MappingView[];
  /** Which function a mapping calls, by the ARN of the mapping; `undefined` when there is none. */
  functionOf(mappingArn: string): string | undefined;
  /** Holds a mapping back under a name, across restarts, whatever `Enabled` says; batches that run are finished. @throws resource-not-found */
  pause(uuid: string, reason: string): Promise<MappingView>;
  /** Takes a name back: the mapping runs when nobody else holds it and it is enabled. @throws resource-not-found */
  resume(uuid: string, reason: string): Promise<MappingView>;
  /**
   * Reads a stream again from a time on; durable when it resolves.
   * @param at  epoch milliseconds
   * @throws resource-not-found, invalid-parameter: its source is a queue, or the time is to come
   */
  replay(uuid: string, at: number): Promise<MappingView>;
  /** Stops all pollers for good and waits for batches that run: while what their functions call is still open. */
  stop(): Promise<void>;
}

/** Opens the mappings there are and starts their pollers; disposing drains them. The sources must be open. */
export async function openEventSourceMappings(dependencies: MappingDependencies): Promise<EventSourceMappings> {
  const mappings = await Mappings.open(dependencies);
  return {
    operations: mappingOperations(mappings, dependencies),
    permissions: mappingPermissions(mappings),
    errors: {},
    tagged: taggedMappings(mappings),
    mappings: () => mappings.list(),
    functionOf: (arn) => mappings.functionOf(arn),
    pause: (uuid, reason) => mappings.pause(uuid, reason),
    resume: (uuid, reason) => mappings.resume(uuid, reason),
    replay: (uuid, at) => mappings.replay(uuid, at),
    stop: () => mappings.stop(),
    [Symbol.asyncDispose]: () => mappings[Symbol.asyncDispose](),
  };
}
