/** What is stored of an event source mapping: plain data, in the units of the Lambda API. Registry key: `region/uuid`. */
export interface Mapping {
  readonly uuid: string;
  readonly region: string;
  /** As the caller named the function: with version or alias, if any. */
  readonly functionArn: string;
  readonly functionName: string;
  readonly sourceArn: string;
  readonly enabled: boolean;
  /** Names of those who hold it back, beside `enabled`: whoever deploys it anew does not resume what an operator paused. */
  readonly paused?: readonly string[];
  /** Being deleted: a restart in between finishes it. */
  readonly deleting?: boolean;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  readonly settings: MappingSettings;
}

/** Settings with AWS's names, units and special values (-1 is no limit), all defaults filled in. */
export interface MappingSettings {
  readonly batchSize: number;
  /** Seconds; fractions of a second are ours (see `windowMsOf`). */
  readonly windowSeconds: number;
  readonly responseTypes: readonly string[];
  /** JSON texts. */
  readonly filters: readonly string[];
  readonly onFailureArn?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** `EventCount` metrics are wanted. */
  readonly metrics: readonly string[];
  /** Kept and shown, without effect. */
  readonly kmsKeyArn?: string;
  readonly stream?: StreamMappingSettings;
  readonly queue?: QueueMappingSettings;
}

export interface StreamMappingSettings {
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP';
  /** Epoch milliseconds. */
  readonly startingAt?: number;
  readonly parallelizationFactor: number;
  readonly bisect: boolean;
  readonly retriesMax: number;
  readonly recordAgeSecondsMax: number;
  readonly tumblingSeconds: number;
}

export interface QueueMappingSettings {
  readonly concurrencyMax?: number;
  /** Provisioned mode. */
  readonly pollers?: { readonly min: number; readonly max: number };
  /** Of sources without a redrive policy. */
  readonly retriesMax?: number;
}

/** Whether its poller is to run. */
export function isActive({ enabled, paused = [], deleting = false }: Mapping): boolean {
  return enabled && paused.length === 0 && !deleting;
}

/** Finer windows than whole seconds, for clients that cannot send a fraction: a tag on the mapping, whole milliseconds. */
export const WINDOW_TAG = 'millrace:MaximumBatchingWindowInMilliseconds';

/** The batching window: the tag, else the (possibly fractional) seconds. */
export function windowMsOf({ windowSeconds, tags }: Pick<MappingSettings, 'windowSeconds' | 'tags'>): number {
  const tag = tags[WINDOW_TAG];
  return tag === undefined ? Math.round(windowSeconds * 1000) : Number(tag);
}
