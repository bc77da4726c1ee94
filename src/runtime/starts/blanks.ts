import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, type Random, type Timer, uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import type { Door, Sandbox } from '../sandbox/sandbox.ts';
import type { Launch } from './launch.ts';
import { SEGMENT_DOOR, type SegmentDoor } from './segment-door.ts';

/** Quiet time before the next blank one is started: the cold start that took the last one has the processor for itself. */
const REFILL_DELAY_MS = 50;
/** Time until a pool that may not be filled is thought of again. */
const PAUSE_MS = 250;
/** A pool grows to this many times its size at most: each blank environment holds about 20 MB. */
const GROWTH_MAX = 4;
/** Time without a shortage after which one is kept less, down to the pool's own size. */
const SHRINK_AFTER_MS = 60_000;

export interface BlankPoolOptions {
  readonly sandbox: Pick<Sandbox, 'start'>;
  readonly clock: Clock;
  readonly random: Random;
  /** How many are kept ready, 0 or more; several times that after a burst that has found none. */
  readonly size: number;
  readonly launch: Launch;
  /** None is started meanwhile: others need the processors, or memory is short. */
  readonly isPaused: () => boolean;
  /** Services of the node that every environment reaches; `undefined` until they are there, and no blank one is started then. */
  readonly doors: () => readonly Door[] | undefined;
  /** Who takes the connections to those doors that are the same for every function. */
  readonly accept: Readonly<Record<string, (socket: Socket) => void>>;
  /** Takes the segments of those that have the door for them. */
  readonly segments?: Pick<SegmentDoor, 'taker'> | undefined;
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
  /** How many are kept now. */
  #target: number;
  #timer: Timer | undefined;
  #shrinkTimer: Timer | undefined;
  /** What helps every start is there. */
  #prepared = false;
  #prepareTimer: Timer | undefined;
  #closed = false;

  constructor(options: BlankPoolOptions) {
    this.#options = options;
    this.#target = options.size;
  }

  /** How many wait, ready for code. */
  get ready(): number {
    let count = 0;
    for (const { ready } of this.#blanks) if (ready) count++;
    return count;
  }

  /** Begins to fill the pool after `delayMs`; does nothing when that is under way. */
  fill(delayMs = REFILL_DELAY_MS): void {
    if (this.#closed || this.#timer || this.#blanks.length >= this.#target) return;
    this.#timer = this.#options.clock.timer(delayMs, () => {
      this.#timer = undefined;
      if (this.#options.isPaused()) this.fill(PAUSE_MS);
      else this.#startOne();
    });
  }

  /** Hands over a blank environment: a ready one, else one that has been started, else a new one. Its owner ends it. */
  take(): Connection {
    const index = this.#blanks.findIndex(({ ready }) => ready);
    if (index < 0) this.#grow();
    const taken = this.#blanks.splice(Math.max(index, 0), 1)[0];
    this.#timer?.cancel();
    this.#timer = undefined;
    this.fill();
    return taken ?? this.#start(this.#options.launch.urgentEnvironment);
  }

  /**
   * A process started now and for the caller alone, with variables that only a new process can take.
   *
   * @param instead  of what the launch says: the process starts from a snapshot
   */
  startFresh(
    environment: Readonly<Record<string, string>>,
    instead?: Pick<Launch, 'command' | 'readable'>,
  ): Connection {
    return this.#start({ ...this.#options.launch.urgentEnvironment, ...environment }, instead);
  }

  /** Ends the blank ones and starts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#shrinkTimer?.cancel();
    this.#prepareTimer?.cancel();
    const blanks = this.#blanks.splice(0);
    for (const { process } of blanks) process.kill();
    await Promise.all(blanks.map(({ process }) => process.exited));
  }

  #grow(): void {
    this.#target = Math.min(GROWTH_MAX * this.#options.size, this.#target + 1);
    this.#shrinkTimer?.cancel();
    this.#shrinkLater();
  }

  #shrinkLater(): void {
    const { size, clock } = this.#options;
    if (this.#target <= size) return;
    this.#shrinkTimer = clock.timer(SHRINK_AFTER_MS, () => {
      this.#target--;
      if (this.#blanks.length > this.#target) this.#blanks.pop()!.process.kill();
      this.#shrinkLater();
    });
  }

  #startOne(): void {
    if (this.#closed || this.#blanks.length >= this.#target) return;
    if (!this.#options.doors()) return this.fill();
    if (this.#prepared) this.#blanks.push(this.#start());
    else void this.#prepare().then(() => this.fill(0));
  }

  /** Before the first blank process, or some time after one that was wanted at once. */
  async #prepare(): Promise<void> {
    await this.#options.launch.prepare?.();
    this.#prepared = true;
  }

  #prepareLater(): void {
    if (this.#prepared || this.#prepareTimer) return;
    this.#prepareTimer = this.#options.clock.timer(PAUSE_MS, () => void this.#prepare());
  }

  #start(
    more: Readonly<Record<string, string>> = {},
    { command, readable }: Pick<Launch, 'command' | 'readable'> = this.#options.launch,
  ): Connection {
    const { sandbox, random, launch, doors, accept, segments, directory } = this.#options;
    const process = sandbox.start({
      command,
      environment: { ...launch.environment, ...more },
      directory: join(directory, uuid(random)),
      readable,
      doors: [...(doors() ?? []), ...(launch.doors ?? [])],
    });
    for (const [door, take] of Object.entries(accept)) process.accept(door, take);
    if (segments && process.hasDoor(SEGMENT_DOOR)) process.receive(SEGMENT_DOOR, segments.taker());
    this.#prepareLater();
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
