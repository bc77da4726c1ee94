import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';

/** What a new environment's process is given. It gets nothing else: no other variable, no other descriptor, no other file. */
export interface SandboxRequest {
  /** Program and arguments, as paths of the node's machine; the sandbox shows them at the same place. */
  readonly command: readonly string[];
  /** Variables that the process starts with; those of its function come over the channel. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Folder of this sandbox alone on the node's disk, on the file system of the code; made by the engine, removed with all that
   * is in it when the process has ended.
   */
  readonly directory: string;
  /** Files and folders of the node's machine that the command needs beside the system's: read-only, at their own place. */
  readonly readable: readonly string[];
  /** Services of the node that the sandbox reaches on its own loopback. */
  readonly doors: readonly Door[];
}

/** A service of the node that the sandbox reaches on its own loopback, and by no other way. */
export interface Door {
  /** `runtime-api` and `node`, and what a kind of start adds. Unique within a request. */
  readonly name: string;
  /** Port on the sandbox's loopback. An engine without a network of its own takes another: {@link SandboxProcess.addressOf}. */
  readonly port: number;
  /** It takes datagrams, not connections. An engine without a network of its own has it only where `hostAddress` is given. */
  readonly protocol?: 'udp';
  /** `host:port` where the node itself serves it already: an engine without a network of its own sends processes there. */
  readonly hostAddress?: string;
}

/** What a function may reach beside the doors. */
export type Egress =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  /** Host names, addresses or networks (`10.0.0.0/8`), each with `:port` where only one is meant. */
  | { readonly kind: 'allowlist'; readonly destinations: readonly string[] };

/** The function that a sandbox is given to: what of the machine it may see and use. */
export interface Tenant {
  /** Unpacked code; read-only to the function. */
  readonly codeDirectory: string;
  /** Unpacked layers in the order of their application: a later one hides what an earlier one has. */
  readonly layers: readonly string[];
  /** Folder with its code caches; need not exist. */
  readonly cacheDirectory: string;
  /** Memory of all processes together, 128 to 10,240 MB; CPU is shared in proportion to it. */
  readonly memoryMb: number;
  /** Size of `/tmp`, 512 to 10,240 MB. */
  readonly ephemeralStorageMb: number;
  readonly egress: Egress;
}

/** Where the function finds its own, as it sees the file system. */
export interface Placement {
  /** `/var/task` on Lambda. */
  readonly taskRoot: string;
  /** `/opt` on Lambda: the layers, one over the other. */
  readonly layersRoot: string;
  readonly cacheDirectory: string;
  /** What the function's owner must know: a right that it was given and does not have here. Goes to the log of the environment. */
  readonly notice?: string;
}

/** How a process ended; both are `null` when it could not be started at all. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was forked inside a sandbox, and leads a process group of its own. */
export interface Clone {
  /** As the processes of the sandbox number themselves. */
  readonly pid: number;
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  /** Those that it is to have for itself, where doors are not part of the walls. */
  readonly doors: readonly Door[];
  /** Its parent tells of its end. */
  readonly exited: Promise<Exit>;
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
  /** Where the process finds a door: `127.0.0.1:9001`. Known once the process has said that it is ready. */
  addressOf(door: string): string;
  /** Whether it has a door of this name: what is forked within another's sandbox has none. */
  hasDoor(door: string): boolean;
  /** Takes the connections to a door; those that came before wait. Once a door. */
  accept(door: string, take: (socket: Socket) => void): void;
  /** Takes the datagrams that come to a door of that protocol; `false` shuts it for good. Once a door. */
  receive(door: string, take: (datagram: Buffer) => boolean): void;
  /** Where the function will find its own, where every one finds it there; `assign` says so anew, with what it has to say besides. */
  readonly placement?: Placement;
  /**
   * Makes it the sandbox of one function: its code in place, its limits set. Once, before the code is loaded.
   *
   * @throws placement-failed  (or rejects) the code, the limits or the egress cannot be had; the environment never serves
   */
  assign(tenant: Tenant): Placement | Promise<Placement>;
  /**
   * Takes a process that this one has forked for what it is from now on: a sandbox process of its own, frozen, killed and measured
   * alone. It stands within the walls of this one, which outlives it. Resolves when it is held as any other is: it must not run
   * code of the function before. Never rejects: one that cannot be held is killed.
   */
  adopt(clone: Clone): SandboxProcess | Promise<SandboxProcess>;
  /** Stops every process of the sandbox where it stands; does nothing where a stopped orphan could outlive the node. */
  freeze(): void;
  thaw(): void;
  /** Kills every process of the sandbox, stopped or not. */
  kill(): void;
  /** Memory that all processes of the sandbox hold for themselves, bytes (without shared program text); 0 when it cannot be told. */
  memoryBytes(): number;
  /** The kernel has killed it, or one of its processes, for want of memory. */
  readonly outOfMemory: boolean;
}

/** A sandbox that stands, walls and all, without its command: what a start needs beside the start of the runtime has been done. */
export interface Hull {
  /** Ends when it is killed, as any other does, whether it has begun or not. */
  readonly process: SandboxProcess;
  /** Resolves when it stands, or has ended. */
  readonly standing: Promise<void>;
  /** Starts the command. Once. @param more  variables beside those of the request, without line ends */
  begin(more: Readonly<Record<string, string>>): void;
}

/** - `placement-failed`: the function cannot have its place: its code, its limits or its egress.
 *  - `sandbox-unavailable`: the engine that was demanded does not run on this machine. */
export type SandboxErrorCode = 'placement-failed' | 'sandbox-unavailable';

export type SandboxEngine = 'process' | 'namespace';

/** The sandbox port: one engine a kind of wall (DESIGN §5). An engine that this machine cannot run refuses at `open`. */
export interface Sandbox extends AsyncDisposable {
  readonly engine: SandboxEngine;
  /** Walls that this machine does not give the engine, each with the reason and what to do; empty when all of them stand. */
  readonly gaps: readonly string[];
  /** Starts a process. Never throws: a process that cannot be started ends at once. */
  start(request: SandboxRequest): SandboxProcess;
  /** Builds a sandbox for a command that is started later; only engines that have something to build. Never throws, as {@link start}. */
  hold?(request: SandboxRequest): Hull;
}
