import { messageOf } from '../../base/index.ts';
import type { FunctionSpec, Runtime } from '../../runtime/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Functions } from './functions.ts';
import type { FunctionVersion, VersionState } from './model.ts';

export interface SnapshotsOptions {
  readonly functions: Functions;
  readonly runtime: Pick<Runtime, 'snapshot'>;
  readonly logger: Logger;
  /** @throws function-not-found */
  readonly specOf: (version: FunctionVersion) => FunctionSpec;
}

/** Makes the snapshots of published versions with SnapStart: a version is `Pending` until its own is there. */
export class Snapshots implements AsyncDisposable {
  readonly #options: SnapshotsOptions;
  readonly #making = new Set<string>();
  /** Versions whose snapshot was made or looked for since the node started. */
  readonly #seen = new Set<string>();
  /** States on their way to the disk. */
  readonly #storing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Goes on with those that the end of the node has interrupted. */
  start(): void {
    for (const version of this.#options.functions.pendingVersions()) this.make(version);
  }

  /** Begins in the background; a version that waits for nothing stays as it is. */
  make(version: FunctionVersion): void {
    const key = keyOf(version);
    if (version.state?.kind !== 'Pending' || this.#making.has(key) || this.#closed) return;
    this.#making.add(key);
    this.#seen.add(key);
    void this.#make(version).finally(() => this.#making.delete(key));
  }

  /**
   * A version is about to be invoked: a snapshot that the end of the node has taken with it (a template process, one of another
   * release of the runtime) is made again in the background. Until it is there, environments start without.
   */
  renew(version: FunctionVersion): void {
    const key = keyOf(version);
    if (version.state || !version.snapStart || version.version === '$LATEST' || this.#seen.has(key)) return;
    this.#seen.add(key);
    const { runtime, logger, specOf } = this.#options;
    runtime.snapshot(specOf(version)).catch((error: unknown) => {
      if (this.#closed) return;
      logger.warn('snapshot-not-made', { function: version.name, version: version.version, reason: messageOf(error) });
    });
  }

  /** What is being made ends with the runtime, and begins anew at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#storing);
  }

  /** Never rejects. */
  async #make(version: FunctionVersion): Promise<void> {
    const { runtime, logger, specOf } = this.#options;
    let state: VersionState | undefined;
    try {
      const outcome = await runtime.snapshot(specOf(version));
      if (outcome.kind === 'off') state = { kind: 'Active', reason: outcome.reason, reasonCode: 'SnapshotOff' };
    } catch (error) {
      state = { kind: 'Failed', reason: messageOf(error), reasonCode: 'FunctionError' };
    }
    if (this.#closed) return;
    if (state) {
      logger.warn('snapshot-not-made', { function: version.name, version: version.version, reason: state.reason });
    }
    const storing = this.#store(version, state);
    this.#storing.add(storing);
    await storing;
    this.#storing.delete(storing);
  }

  async #store(version: FunctionVersion, state: VersionState | undefined): Promise<void> {
    const { functions, logger } = this.#options;
    try {
      await functions.setState(version, state);
    } catch (error) {
      logger.error('snapshot-state-not-stored', { function: version.name, version: version.version, error });
    }
  }
}

function keyOf({ region, name, version }: FunctionVersion): string {
  return `${region}/${name}/${version}`;
}
