import { DomainError } from '../../base/index.ts';
import type { Connection } from '../environments/connection.ts';
import type { FunctionCredentials } from '../environments/function-variables.ts';
import type { EnvironmentLog } from '../environments/report.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Placement } from '../sandbox/sandbox.ts';
import type { Launch } from './launch.ts';

export const SNAPSHOT_FILE = 'heap.snapshot';

/** A function version as it stood when init was over. */
export interface Snapshot {
  /**
   * Holds {@link SNAPSHOT_FILE}; shown to the sandbox where code caches are, as a blank process starts from it too. Absent where the
   * snapshot is a process that forks.
   */
  readonly directory?: string;
  /**
   * Starts an environment of it: a process that says it is ready, takes a load frame, and answers when the hooks have run.
   *
   * @param variables  that only a new process can take
   */
  start(variables: Readonly<Record<string, string>>): Connection;
}

/** The function to make a snapshot of, and what its init is given. */
export interface SnapshotRequest {
  readonly spec: FunctionSpec;
  readonly launch: Launch;
  readonly log: EnvironmentLog;
  readonly credentials: FunctionCredentials | Promise<FunctionCredentials>;
  readonly variables: (credentials: FunctionCredentials, placement: Placement) => Readonly<Record<string, string>>;
}

/** What makes snapshots of one family of runtimes, and keeps them. */
export interface SnapshotMaker {
  /** The snapshot of this version, by this runtime's exact version. */
  find(spec: FunctionSpec, launch: Launch): Snapshot | undefined;
  /**
   * Runs init, within a sandbox as any environment has, and keeps what it leaves.
   *
   * @throws snapshot-unsupported  init has made something that no snapshot can hold: the message says what
   * @throws snapshot-init-failed  init has failed, or has taken too long
   */
  make(request: SnapshotRequest): Promise<Snapshot>;
  /** Forgets a snapshot that no process starts from. */
  drop(spec: FunctionSpec, launch: Launch): void;
  /** Whether a version that is called without a snapshot is to be given one: where they do not outlive the node. */
  lacks?(spec: FunctionSpec): boolean;
  /** The version was changed or deleted: lets go of what it holds for it; what has been started goes on. */
  retire?(functionArn: string): void;
  close(): Promise<void>;
}

export type SnapshotErrorCode = 'snapshot-unsupported' | 'snapshot-init-failed';

export function snapshotRefusal(code: SnapshotErrorCode, message: string): DomainError<SnapshotErrorCode> {
  return new DomainError(code, message, { remedy: 'never' });
}
