import type { Machine } from '../machine/machine.ts';

/** Numbers of what is kept ready for starts (S5). */
export const RESERVE_LIMITS = {
  /** Blank environments of each runtime that are kept on any machine, however small. */
  blanksMin: 2,
  /** What they may hold together, as part of the memory that the node may use. */
  memoryShare: 0.02,
  /** What one holds, frozen or waiting, of its own and of what it shares with the others (PSS). */
  blankBytes: 15 * 1024 * 1024,
  /** More for a processor would be used up no faster: it starts that many in half a second. */
  blanksPerProcessor: 16,
  /** Blank environments of a runtime after bursts that have found none, where fewer are kept at rest. */
  blanksAfterBursts: 8,
  /** Sandboxes that stand without a process of the runtime, for each blank environment: they hold a tenth of what that does. */
  hullsPerBlank: 3,
} as const;

/** How many blank environments are kept: by memory and processors, over all runtimes in use. */
export function blanksFor(machine: Machine): number {
  const { blanksMin, memoryShare, blankBytes, blanksPerProcessor } = RESERVE_LIMITS;
  const memory = machine.memory()?.totalBytes ?? 0;
  const borne = Math.min(Math.floor((memory * memoryShare) / blankBytes), machine.processors * blanksPerProcessor);
  return Math.max(blanksMin, borne);
}

/** What is kept of one runtime. */
export interface Reserve {
  /** Blank environments that are kept from the start on. */
  readonly atFirst: number;
  /** Those that are kept once a function has used the runtime. */
  readonly inUse: number;
}

/** @param wanted  as it was configured, for each runtime; @param used  runtimes that functions have used */
export function reserveOf(wanted: number | undefined, machine: Machine, used: number): Reserve {
  if (wanted !== undefined) return { atFirst: wanted, inUse: wanted };
  const { blanksMin } = RESERVE_LIMITS;
  return { atFirst: blanksMin, inUse: Math.max(blanksMin, Math.floor(blanksFor(machine) / Math.max(1, used))) };
}
