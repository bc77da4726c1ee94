import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, type Random, type Timer, uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import type { Door, Hull, Sandbox, SandboxProcess, SandboxRequest } from '../sandbox/sandbox.ts';
import type { Launch } from './launch.ts';
import { RESERVE_LIMITS, type Reserve } from './reserve.ts';
import { SEGMENT_DOOR, type SegmentDoor } from './segment-door.ts';

/** Quiet time before the next blank one is started: the cold start that took the last one has the processor for itself. */
const REFILL_DELAY_MS = 50;
/** The same where some are ready: what stands for a burst may take its time, and leaves the processors to what runs. */
const RESERVE_DELAY_MS = 200;
/** A machine that kills blanks as they start must not be kept busy with starting them. */
const FAILED_DELAY_MS = 1_000;
/** Time until a pool that may not be filled is thought of again. */
const PAUSE_MS = 250;
/** A pool grows to this many times its size at most: each blank environment holds about 15 MB. */
const GROWTH_MAX = 4;
/** Time without a shortage after which one is kept less, down to the pool's own size. */
const SHRINK_AFTER_MS = 60_000;

export interface BlankPoolOptions {
  readonly sandbox: Pick<Sandbox, 'start' | 'hold'>;
  readonly clock: Clock;
  readonly random: Random;
  /** How many are kept ready now; several times that after a burst that has found none. */
  readonly reserve: () => Reserve;
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
  /** Told when a function uses the runtime for the first time. */
  readonly onUsed?: () => void;
  /** Told when there are more or fewer that are ready. */
  readonly onChange?: () => void;
}

/**
 * Blank environments of one launch: processes of a managed runtime that were started ahead and wait for code. Behind them stand *hulls*,
 * sandboxes without such a process: a burst that has used up the blank ones pays for the start of the runtime and for nothing else.
 * Refilled one at a time in the background; a demand that finds neither starts one on the spot.
 */
export class BlankPool {
  readonly #options: BlankPoolOptions;
  readonly #blanks: Connection[] = [];
  readonly #hulls: Hull[] = [];
  readonly #standing = new WeakSet<Hull>();
  /** How many more are kept now, for what bursts have lacked. */
  #grown = 0;
  /** A function has used the runtime. */
  #used = false;
  /** A burst has found none: the next may come. */
  #hurried = false;
  #timer: Timer | undefined;
  #shrinkTimer: Timer | undefined;
  /** What helps every start is there. */
  #prepared = false;
  #prepareTimer: Timer | undefined;
  #closed = false;

  constructor(options: BlankPoolOptions) {
    this.#options = options;
  }

  get used(): boolean {
    return this.#used;
  }

  /** How many wait, ready for code. */
  get ready(): number {
    let count = 0;
    for (const { ready } of this.#blanks) if (ready) count++;
    return count;
  }

  /** Sandboxes that stand without a process of the runtime. */
  get hulls(): number {
    return this.#hulls.length;
  }

  /** All that is kept is there. */
  get full(): boolean {
    return this.ready >= this.#blanksKept && this.#hulls.length >= this.#hullsKept;
  }

  /** Begins to fill the pool after `delayMs`; does nothing when that is under way. */
  fill(delayMs = this.#delayMs): void {
    if (this.#closed || this.#timer || this.#missing === undefined) return;
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
    if (!this.#used) {
      this.#used = true;
      this.#options.onUsed?.();
    }
    const taken = this.#blanks.splice(Math.max(index, 0), 1)[0] ?? this.#takeHull();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.fill();
    this.#options.onChange?.();
    return taken ?? this.#connect(this.#start(this.#options.launch.urgentEnvironment));
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
    return this.#connect(this.#start({ ...this.#options.launch.urgentEnvironment, ...environment }, instead));
  }

  /** Other runtimes are in use as well now, or memory is short: what is kept beyond the reserve goes, one after the other. */
  shrink(): void {
    if (!this.#shrinkTimer) this.#shrinkLater();
  }

  /** Ends what is kept beyond what any machine keeps. @returns bytes that come free, about */
  shed(): number {
    const { blanksMin, blankBytes } = RESERVE_LIMITS;
    for (const { process } of this.#hulls.splice(0)) process.kill();
    const blanks = this.#blanks.splice(blanksMin);
    for (const { process } of blanks) process.kill();
    this.#options.onChange?.();
    return blanks.length * blankBytes;
  }

  /** Ends the blank ones and starts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of [this.#timer, this.#shrinkTimer, this.#prepareTimer]) timer?.cancel();
    const processes = [...this.#blanks.splice(0), ...this.#hulls.splice(0)].map(({ process }) => process);
    for (const process of processes) process.kill();
    await Promise.all(processes.map(({ exited }) => exited));
  }

  /** Without growth. */
  get #size(): number {
    const { atFirst, inUse } = this.#options.reserve();
    return this.#used ? inUse : atFirst;
  }

  get #blanksKept(): number {
    return this.#size + this.#grown;
  }

  get #hullsKept(): number {
    return this.#used && this.#options.sandbox.hold ? this.#size * RESERVE_LIMITS.hullsPerBlank : 0;
  }

  /** What is to be started next. */
  get #missing(): 'blank' | 'hull' | undefined {
    if (this.#blanks.length < this.#blanksKept) return 'blank';
    return this.#hulls.length < this.#hullsKept ? 'hull' : undefined;
  }

  get #delayMs(): number {
    const isFew = this.#blanks.length < Math.min(this.#size, RESERVE_LIMITS.blanksMin);
    return isFew || this.#hurried || this.#grown > 0 ? REFILL_DELAY_MS : RESERVE_DELAY_MS;
  }

  #grow(): void {
    const size = this.#size;
    const most = Math.min(GROWTH_MAX * size, Math.max(size, RESERVE_LIMITS.blanksAfterBursts));
    this.#grown = Math.min(most - size, this.#grown + 1);
    this.#hurried = true;
    this.#shrinkTimer?.cancel();
    this.#shrinkLater();
  }

  #shrinkLater(): void {
    this.#shrinkTimer = undefined;
    if (this.#closed || (this.#grown === 0 && !this.#hasTooMany)) return;
    this.#shrinkTimer = this.#options.clock.timer(SHRINK_AFTER_MS, () => {
      if (this.#grown > 0) this.#grown--;
      if (this.#blanks.length > this.#blanksKept) this.#blanks.pop()!.process.kill();
      if (this.#hulls.length > this.#hullsKept) this.#hulls.pop()!.process.kill();
      this.#shrinkLater();
    });
  }

  get #hasTooMany(): boolean {
    return this.#blanks.length > this.#blanksKept || this.#hulls.length > this.#hullsKept;
  }

  #startOne(): void {
    const missing = this.#missing;
    if (this.#closed || missing === undefined) return;
    if (!this.#options.doors()) return this.fill();
    if (!this.#prepared) void this.#prepare().then(() => this.fill(0));
    else if (missing === 'blank') this.#blanks.push(this.#connect(this.#start()));
    else this.#hold();
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

  #start(more: Readonly<Record<string, string>> = {}, instead?: Pick<Launch, 'command' | 'readable'>): SandboxProcess {
    this.#prepareLater();
    return this.#open(this.#options.sandbox.start(this.#request(more, instead)));
  }

  #hold(): void {
    const hull = this.#options.sandbox.hold!(this.#request());
    const { exited } = this.#open(hull.process);
    this.#hulls.push(hull);
    void hull.standing.then(() => {
      this.#standing.add(hull);
      this.fill();
    });
    void exited.then(() => {
      const index = this.#hulls.indexOf(hull);
      if (index < 0) return;
      this.#hulls.splice(index, 1);
      this.fill(FAILED_DELAY_MS);
    });
  }

  /** Its process begins at once, and leaves out what a blank one does ahead. One that does not stand yet has a word to say first. */
  #takeHull(): Connection | undefined {
    const index = this.#hulls.findIndex((hull) => this.#standing.has(hull));
    if (index < 0) return undefined;
    const hull = this.#hulls.splice(index, 1)[0]!;
    const connection = this.#connect(hull.process);
    hull.begin(this.#options.launch.urgentEnvironment ?? {});
    return connection;
  }

  #request(
    more: Readonly<Record<string, string>> = {},
    { command, readable }: Pick<Launch, 'command' | 'readable'> = this.#options.launch,
  ): SandboxRequest {
    const { random, launch, doors, directory } = this.#options;
    return {
      command,
      environment: { ...launch.environment, ...more },
      directory: join(directory, uuid(random)),
      readable,
      doors: [...(doors() ?? []), ...(launch.doors ?? [])],
    };
  }

  #open(process: SandboxProcess): SandboxProcess {
    const { accept, segments } = this.#options;
    for (const [door, take] of Object.entries(accept)) process.accept(door, take);
    if (segments && process.hasDoor(SEGMENT_DOOR)) process.receive(SEGMENT_DOOR, segments.taker());
    return process;
  }

  #connect(process: SandboxProcess): Connection {
    const connection: Connection = new Connection(process, () => this.#onChange(connection));
    return connection;
  }

  /** One became ready or died: the next may start. */
  #onChange(connection: Connection): void {
    const index = this.#blanks.indexOf(connection);
    if (connection.ended && index >= 0) this.#blanks.splice(index, 1);
    if (this.#missing === undefined) this.#hurried = false;
    this.#options.onChange?.();
    this.fill(connection.ended ? FAILED_DELAY_MS : undefined);
  }
}
