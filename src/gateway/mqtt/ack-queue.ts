import type { CommitGroup } from '../../services/iot/index.ts';
import type { Output } from './output.ts';

/** Messages received one after the other that wait for the same commit. */
interface Run {
  readonly group: CommitGroup | undefined;
  count: number;
  bytes: number;
}

/** Shared by all that have had no message. */
const NONE: never[] = [];

const KEPT_LENGTH_MAX = 128;

/**
 * Messages of one client that are not yet acknowledged, in the order they came [MQTT-4.6.0-2]: one whose commit is done waits
 * for those before it.
 */
export class AckQueue {
  /** What {@link Output.acknowledge} takes; those before `#head` are gone. Made when the first message comes. */
  #ids: number[] = NONE;
  #head = 0;
  #runs: Run[] = NONE;
  #bytes = 0;

  /** Messages that wait. */
  get size(): number {
    return this.#ids.length - this.#head;
  }

  /** Bytes of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why the commit of the next one has failed; `undefined` when it has not. */
  get failure(): unknown {
    return this.#runs[0]?.group?.error;
  }

  /** @param id  packet identifier, with a reason code above it; @param group  whose commit it waits for; `undefined` waits only for its turn */
  push(id: number, group: CommitGroup | undefined, bytes: number): void {
    if (this.#ids === NONE) this.#ids = [];
    if (this.#runs === NONE) this.#runs = [];
    this.#ids.push(id);
    this.#bytes += bytes;
    const last = this.#runs[this.#runs.length - 1];
    if (last && last.group === group) {
      last.count++;
      last.bytes += bytes;
    } else this.#runs.push({ group, count: 1, bytes });
  }

  /** Gives those that may be acknowledged now to the output; false when the commit of the next one has failed. */
  release(output: Output): boolean {
    let done = 0;
    for (const { group, count, bytes } of this.#runs) {
      if (group !== undefined && group.state !== 'committed') break;
      for (let i = 0; i < count; i++) output.acknowledge(this.#ids[this.#head++]!);
      this.#bytes -= bytes;
      done++;
    }
    if (done > 0) this.#forget(done);
    return this.#runs[0]?.group?.state !== 'failed';
  }

  #forget(runs: number): void {
    if (runs === this.#runs.length) return this.#clear();
    this.#runs.splice(0, runs);
    if (this.#head <= 512) return;
    this.#ids = this.#ids.slice(this.#head);
    this.#head = 0;
  }

  /** Nothing waits: the memory is used again, unless a burst has made it large. */
  #clear(): void {
    if (this.#ids.length > KEPT_LENGTH_MAX) this.#ids = NONE;
    else this.#ids.length = 0;
    this.#runs.length = 0;
    this.#head = 0;
  }

  /** Lets go of all, as nobody is left to be told; gives the bytes of them. */
  drop(): number {
    const bytes = this.#bytes;
    this.#ids = NONE;
    this.#head = 0;
    this.#runs = NONE;
    this.#bytes = 0;
    return bytes;
  }
}
