import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../../src/base/index.ts';

/** What the far edge has seen, on disk: written at once, so that it outlives the process (not the machine). */
export class Ledger {
  readonly #file: string;

  constructor(directory: string) {
    this.#file = join(directory, 'ledger');
  }

  note(group: string, id: number): void {
    appendFileSync(this.#file, `${group} ${id}\n`);
  }

  /** Ids by group, in order of their first appearance. */
  read(): Map<string, number[]> {
    const groups = new Map<string, Set<number>>();
    const lines = existsSync(this.#file) ? readFileSync(this.#file, 'utf8').trimEnd().split('\n') : [];
    for (const line of lines) {
      const [group, id] = line.split(' ') as [string, string];
      groups.set(group, (groups.get(group) ?? new Set()).add(Number(id)));
    }
    return new Map([...groups].map(([group, ids]) => [group, [...ids]]));
  }
}

/** The system's clock, an hour further with each opening of the directory: what was leased or put off is due. */
export function clockOf(directory: string): Clock {
  const file = join(directory, 'openings');
  const openings = existsSync(file) ? Number(readFileSync(file, 'utf8')) + 1 : 0;
  replaceFile(file, String(openings));
  return { ...systemClock, now: () => systemClock.now() + openings * 3_600_000 };
}

/** At once: a process that is killed in between would leave an empty file, and a clock that goes by it would be hours back. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}
