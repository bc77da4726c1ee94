/** What the node and its launcher say to each other, over Node's channel between parent and child. */

/** Descriptors of every process: the channel, and the one that doors are handed over at. */
export const CHANNEL = 3;
export const DOORS = 4;

/**
 * Connections to the launcher begin with this many bytes: the token that it was started with, the number of the process and the
 * descriptor that the connection is to be of it.
 */
export const TOKEN_BYTES = 16;
export const HEADER_BYTES = TOKEN_BYTES + 5;

/** Descriptors of a process that the node has the other end of. Its input is the channel too: see `limited.ts`. */
export const STREAMS: readonly number[] = [1, 2, CHANNEL];

export interface StartOrder {
  readonly kind: 'start';
  readonly id: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** The process hands listeners over. */
  readonly hasDoors: boolean;
  /** Of bubblewrap; absent where the command runs as it is. */
  readonly bubblewrap?: BubblewrapDescriptors;
}

export interface BubblewrapDescriptors {
  /** It waits until this one ends. */
  readonly block: number;
  /** It says here what its child's process id is. */
  readonly info: number;
  /** It reads the filter of system calls here. */
  readonly seccomp: number;
  readonly filterFile: string;
}

export type Order =
  | StartOrder
  /** The child of bubblewrap may go on. */
  | { readonly kind: 'admit'; readonly id: number }
  /** The process has handed over all its doors. */
  | { readonly kind: 'shut-doors'; readonly id: number };

export type Event =
  | { readonly kind: 'listening' }
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  /** Bubblewrap has made the namespaces. */
  | { readonly kind: 'contained'; readonly id: number; readonly first: number }
  /** Comes with the listener. */
  | { readonly kind: 'door'; readonly id: number; readonly name: unknown }
  /** Both are `null` when it could not be started. */
  | { readonly kind: 'ended'; readonly id: number; readonly code: number | null; readonly signal: string | null };
