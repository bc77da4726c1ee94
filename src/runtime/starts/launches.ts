import { DomainError } from '../../base/index.ts';
import type { RuntimeErrorCode } from '../runtime.ts';
import type { Launch, RuntimeFamily } from './launch.ts';
import type { SegmentDoor } from './segment-door.ts';
import type { SnapshotMaker } from './snapshots.ts';
import { findExtensions, supervised } from './supervised.ts';

/** Launches with extensions that are remembered: looking for them again costs a few reads of folders. */
const SUPERVISED_MAX = 1_000;

/** Which family serves which runtime; each runtime is made ready once, when it is first asked for. */
export class Launches {
  readonly #families: readonly RuntimeFamily[];
  readonly #supervisor: Launch;
  readonly #ready = new Map<string, Launch>();
  readonly #supervised = new Map<string, Launch>();
  readonly #preparing = new Map<string, Promise<Launch>>();
  readonly #segments: SegmentDoor | undefined;

  /**
   * @param supervisor  what starts the process that stands beside extensions
   * @param segments  door of functions that are traced; absent where nobody takes segments
   */
  constructor(families: readonly RuntimeFamily[], supervisor: Launch, segments?: SegmentDoor) {
    this.#families = families;
    this.#supervisor = supervisor;
    this.#segments = segments;
  }

  serves(runtime: string): boolean {
    return this.#families.some((family) => family.serves(runtime));
  }

  /**
   * @param layers  folders of the function's layers, which may hold extensions
   * @param traced  whether it sends segments
   * @throws runtime-unknown, runtime-unavailable
   */
  of(runtime: string, layers: readonly string[] = [], traced = false): Launch | Promise<Launch> {
    const launch = this.#of(runtime);
    if (layers.length === 0 && !traced) return launch;
    return launch instanceof Promise
      ? launch.then((ready) => this.#fitted(ready, layers, traced))
      : this.#fitted(launch, layers, traced);
  }

  #fitted(launch: Launch, layers: readonly string[], traced: boolean): Launch {
    const beside = layers.length > 0 ? this.#beside(launch, layers) : launch;
    return traced && this.#segments ? this.#segments.fit(beside) : beside;
  }

  /** The launch with the extensions of these layers, found once. */
  #beside(launch: Launch, layers: readonly string[]): Launch {
    const key = [launch.key, launch.version, ...layers].join('\n');
    let found = this.#supervised.get(key);
    if (!found) {
      const extensions = findExtensions(layers);
      found = extensions.length > 0 ? supervised(launch, extensions, this.#supervisor) : launch;
      if (this.#supervised.size >= SUPERVISED_MAX) this.#supervised.clear();
      this.#supervised.set(key, found);
    }
    return found;
  }

  #of(runtime: string): Launch | Promise<Launch> {
    return this.#ready.get(runtime) ?? this.#preparing.get(runtime) ?? this.#prepare(runtime);
  }

  /** What makes snapshots of functions of this runtime; `undefined` where nothing can. */
  snapshotsOf(runtime: string): SnapshotMaker | undefined {
    return this.#families.find((family) => family.serves(runtime))?.snapshots;
  }

  /** A version was changed or deleted. */
  retireSnapshots(functionArn: string): void {
    for (const { snapshots } of this.#families) snapshots?.retire?.(functionArn);
  }

  /** Ends what is being made. */
  async close(): Promise<void> {
    await Promise.all(this.#families.flatMap((family) => [family.snapshots?.close(), family.close?.()]));
  }

  #prepare(runtime: string): Launch | Promise<Launch> {
    const family = this.#families.find((each) => each.serves(runtime));
    if (!family) {
      throw new DomainError<RuntimeErrorCode>('runtime-unknown', `no runtime ${runtime} here`, { remedy: 'never' });
    }
    const launch = family.launch(runtime);
    if (!(launch instanceof Promise)) return this.#keep(runtime, launch);
    const preparing = launch.then((ready) => this.#keep(runtime, ready)).finally(() => this.#preparing.delete(runtime));
    this.#preparing.set(runtime, preparing);
    return preparing;
  }

  #keep(runtime: string, launch: Launch): Launch {
    this.#ready.set(runtime, launch);
    return launch;
  }
}
