import { UsageError } from './command.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `10m` in milliseconds. @throws UsageError */
export function readAge(option: string, text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (!match) throw new UsageError(`${option} must be a number and s, m, h or d (30s, 10m, 2h), not "${text}"`);
  return Number(match[1]) * UNITS[match[2]!]!;
}
