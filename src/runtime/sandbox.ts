import type { Duplex, Readable } from 'node:stream';

/** What a new environment's process is given. It gets nothing else: no other variable, no other descriptor. */
export interface SandboxRequest {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Variables that the process starts with; those of its function come over the channel. */
  readonly environment: Readonly<Record<string, string>>;
  /** Writable folder of this environment alone; removed when the process has ended. */
  readonly temporaryDirectory: string;
}

/** How a process ended; both are `null` when it could not be started at all. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running process with all that it has started. */
export interface SandboxProcess {
  readonly pid: number | undefined;
  /** Descriptor 3 of the process, both ways. */
  readonly channel: Duplex;
  /** Its standard output and standard error. */
  readonly outputs: readonly Readable[];
  /** Resolves once, when the process has ended and all that it wrote has been read. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Stops every process of the sandbox where it stands; does nothing where a stopped orphan could outlive the node. */
  freeze(): void;
  thaw(): void;
  /** Kills every process of the sandbox, stopped or not. */
  kill(): void;
  /** Memory that all processes of the sandbox hold for themselves, bytes (without shared program text); 0 when it cannot be told. */
  memoryBytes(): number;
}

/** The sandbox port: one engine a kind of wall (DESIGN §5). An engine that this machine cannot run refuses at `open`. */
export interface Sandbox {
  readonly engine: string;
  /** Starts a process. Never throws: a process that cannot be started ends at once. */
  start(request: SandboxRequest): SandboxProcess;
}
