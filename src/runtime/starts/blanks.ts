import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, type Random, type Timer, uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import type { Door, Sandbox } from '../sandbox/sandbox.ts';
import type { Launch } from './launch.ts';

/** Quiet time before the next blank one is started: the cold start that took the last one has the processor for itself. */
const REFILL_DELAY_MS = 50;

export interface BlankPoolOptions {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly random: Random;
  /** How many are kept ready, 0 or more. */
  readonly size: number;
  readonly launch: Launch;
  /** Services of the node that every environment reaches; `undefined` until they are there, and no blank one is started then. */
  readonly doors: () => readonly Door[] | undefined;
  /** Who takes the connections to those doors that are the same for every function. */
  readonly accept: Readonly<Record<string, (socket: Socket) => void>>;
  /** Their private folders stand here. */
  readonly directory: string;
}

/**
 * Blank environments of one launch: processes of a managed runtime that were started ahead and wait for code. Refilled one at a time in the
 * background; a demand that finds none starts one on the spot.
 */
export class BlankPool {
  readonly #options: BlankPoolOptions;
  readonly #blanks: Connection[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: BlankPoolOptions) {
    this.#options = options;
  }

  /** How many wait, ready for code. */
  get ready(): number {
    return this.#blanks.filter(({ ready }) => ready).length;
  }

  /** Begins to fill the pool after `delayMs`; does nothing when that is under way. */
  fill(delayMs = REFILL_DELAY_MS): void {
    if (this.#closed || this.#timer || this.#blanks.length >= this.#options.size) return;
    this.#timer = this.#options.clock.timer(delayMs, () => {
      this.#timer = undefined;
      this.#startOne();
    });
  }

  /** Hands over a blank environment: a ready one, else one that has been started, else a new one. Its owner ends it. */
  take(): Connection {
    const index = this.#blanks.findIndex(({ ready }) => ready);
    const taken = this.#blanks.splice(Math.max(index, 0), 1)[0] ?? this.#start();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.fill();
    return taken;
  }

  /** A process started now and for the caller alone, with variables that only a new process can take. */
  startFresh(environment: Readonly<Record<string, string>>): Connection {
    return this.#start(environment);
  }

  /** Ends the blank ones and starts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const blanks = this.#blanks.splice(0);
    for (const { process } of blanks) process.kill();
    await Promise.all(blanks.map(({ process }) => process.exited));
  }

  #startOne(): void {
    if (this.#closed || this.#blanks.length >= this.#options.size) return;
    if (!this.#options.doors()) return this.fill();
    this.#blanks.push(this.#start());
  }

  #start(more: Readonly<Record<string, string>> = {}): Connection {
    const { sandbox, random, launch, doors, accept, directory } = this.#options;
    const process = sandbox.start({
      command: launch.command,
      environment: { ...launch.environment, ...more },
      directory: join(directory, uuid(random)),
      readable: launch.readable,
      doors: doors() ?? [],
    });
    for (const [door, take] of Object.entries(accept)) process.accept(door, take);
    const connection: Connection = new Connection(process, () => this.#onChange(connection));
    return connection;
  }

  /** One became ready or died: the next may start. */
  #onChange(connection: Connection): void {
    const index = this.#blanks.indexOf(connection);
    // A machine that kills blanks as they start must not be kept busy with starting them: the delay grows to a second.
    if (connection.ended && index >= 0) this.#blanks.splice(index, 1);
    this.fill(connection.ended ? 1_000 : REFILL_DELAY_MS);
  }
}
