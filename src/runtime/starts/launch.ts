import type { Door } from '../sandbox/sandbox.ts';
import type { SnapshotMaker } from './snapshots.ts';

/** How a process of one runtime is started, before it is told whose it is. */
export interface Launch {
  /** Blank environments of equal keys are interchangeable. */
  readonly key: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables of a process that is started for a call that waits: it leaves out what a blank one does ahead. */
  readonly urgentEnvironment?: Readonly<Record<string, string>>;
  /** What of the machine the command needs beside the system's files; see `SandboxRequest.readable`. */
  readonly readable: readonly string[];
  /** Folder of the packages that the runtime brings: `require` looks there after the function's own and the layers'. */
  readonly modules?: string;
  /** Exact version of what runs the code: part of `INIT_START` and of the key of code caches. */
  readonly version: string;
  /** Makes ready what helps every start, before the first blank one; never rejects. A start that comes earlier does without. */
  readonly prepare?: () => Promise<void>;
  /** It knows the frame `prepare`. */
  readonly prepares?: boolean;
  /** It knows the frame `attend`: while it waits for an invocation, its event loop stands still unless it is told otherwise. */
  readonly attends?: boolean;
  /** What it becomes speaks the Runtime API over HTTP; absent for the frames of our own runtimes. */
  readonly speaks?: 'http';
  /** Set where extensions run beside the runtime: the process becomes their supervisor, and starts this. */
  readonly supervised?: Supervised;
  /** Beyond those that every environment has. */
  readonly doors?: readonly Door[];
  /** A process that is ready can be told to fork others of its kind: see `template.ts`. */
  readonly forks?: boolean;
  /** Said in the function's log when an environment starts: what about it is not as its owner asked for. */
  readonly notice?: string;
}

/** A runtime that is started beside external extensions. */
export interface Supervised {
  /** What our own runtime is started with; one that speaks HTTP is the function's `bootstrap`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Names of the executables in `/opt/extensions`. */
  readonly extensions: readonly string[];
}

/** A family of managed runtimes: `nodejs.ts` and its siblings, a row each in `launches.ts`. */
export interface RuntimeFamily {
  /** Whether it runs functions of this runtime, by the name that AWS gives it. */
  serves(runtime: string): boolean;
  /**
   * What starts a process of this runtime. Installs what is missing where it may, which can take long.
   *
   * @throws runtime-unavailable  the machine does not have it and it cannot be installed; the message says what to do
   */
  launch(runtime: string): Launch | Promise<Launch>;
  /** Makes snapshots of initialised functions, where it can. */
  readonly snapshots?: SnapshotMaker;
  /** Ends what is under way. */
  close?(): Promise<void>;
}
