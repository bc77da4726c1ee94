/** Memory of the machine or, where that is less, of the control group that the node runs in. */
export interface Memory {
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** Part of the last ten seconds in which some process waited for memory, 0 to 1; 0 where the kernel does not say. */
  readonly stalled: number;
}

/** What the node asks its machine before it starts more than that can run. */
export interface Machine {
  /** Processors that the node may use, 1 or more. */
  readonly processors: number;
  /** @returns nothing where it cannot be told */
  memory(): Memory | undefined;
  /** Whether a process, or one that it has started, has a processor or waits for one; false when it cannot be told. */
  isRunnable(pid: number): boolean;
}
