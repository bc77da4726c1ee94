import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { Connection } from '../environments/connection.ts';
import { reportFailure } from '../environments/failures.ts';
import { encodeSnapshot, type Frame } from '../environments/frames.ts';
import type { Failure } from '../environments/life-cycle.ts';
import { loadConfig } from '../environments/load-config.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { BlankPools } from './blank-pools.ts';
import { writeAsCommonJs } from './es-modules.ts';
import type { Launch } from './launch.ts';
import { NODE_FLAGS } from './nodejs-image.ts';
import {
  SNAPSHOT_FILE,
  type Snapshot,
  type SnapshotMaker,
  type SnapshotRequest,
  snapshotRefusal,
} from './snapshots.ts';

/** What the bootstrap writes into a snapshot and expects of one: another number makes all of them anew. */
const FORMAT = 1;
const UNFINISHED = '.tmp';
const UNSUPPORTED = 'Snapshot.Unsupported';
/** Where a namespace shows the code. */
const TASK_ROOT = '/var/task';
/** A second Node loads the function beside the one that waits for it. */
const EXTRA_MEMORY_MB = 256;

export interface NodejsSnapshotsOptions {
  readonly clock: Clock;
  readonly blanks: BlankPools;
  /** Of the sandboxes: where the code stands is part of a snapshot. */
  readonly engine: Sandbox['engine'];
  /** They are kept here, a folder each. */
  readonly directory: string;
}

/**
 * V8 startup snapshots: the heap of a function as init has left it, one file a function version, never shared between two. A file
 * is tied to the exact binary that wrote it, by the name of its folder.
 */
export class NodejsSnapshots implements SnapshotMaker {
  readonly #options: NodejsSnapshotsOptions;
  /** Names of folders, the oldest first. */
  readonly #known: Set<string>;
  readonly #making = new Map<string, Promise<Snapshot>>();
  /** Processes in which snapshots are being made. */
  readonly #makers = new Set<Connection>();

  private constructor(options: NodejsSnapshotsOptions, known: readonly string[]) {
    this.#options = options;
    this.#known = new Set(known);
  }

  /** Finds what is there; what a crash has left half-made goes. */
  static open(options: NodejsSnapshotsOptions): NodejsSnapshots {
    const { directory } = options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const names = readdirSync(directory);
    const isWhole = (name: string) => !name.endsWith(UNFINISHED);
    for (const name of names) if (!isWhole(name)) rmSync(join(directory, name), { recursive: true, force: true });
    const madeAt = (name: string) => statSync(join(directory, name)).mtimeMs;
    const kept = names.filter(isWhole).map((name) => ({ name, at: madeAt(name) }));
    kept.sort((a, b) => a.at - b.at);
    return new NodejsSnapshots(
      options,
      kept.map(({ name }) => name),
    );
  }

  find(spec: FunctionSpec, launch: Launch): Snapshot | undefined {
    const name = this.#nameOf(spec, launch);
    return this.#known.has(name) ? this.#snapshot(name, launch) : undefined;
  }

  make(request: SnapshotRequest): Promise<Snapshot> {
    const name = this.#nameOf(request.spec, request.launch);
    if (this.#known.has(name)) return Promise.resolve(this.#snapshot(name, request.launch));
    const making = this.#making.get(name) ?? this.#make(name, request).finally(() => this.#making.delete(name));
    this.#making.set(name, making);
    return making;
  }

  drop(spec: FunctionSpec, launch: Launch): void {
    const name = this.#nameOf(spec, launch);
    this.#known.delete(name);
    this.#remove(name);
  }

  /** Ends what is being made. */
  async close(): Promise<void> {
    for (const { process } of this.#makers) process.kill();
    await Promise.allSettled(this.#making.values());
  }

  #snapshot(name: string, launch: Launch): Snapshot {
    const { blanks, engine } = this.#options;
    const directory = join(this.#options.directory, name);
    const file = join(directory, SNAPSHOT_FILE);
    const instead = {
      command: [launch.command[0]!, ...NODE_FLAGS, '--snapshot-blob', file],
      readable: [...launch.readable, file],
    };
    return {
      directory,
      start: (variables) => {
        const pool = blanks.of(launch);
        // Building a namespace takes longer than the restore: one that stands already is worth the process that waits in it.
        return engine === 'namespace' && pool.ready > 0 ? pool.take() : pool.startFresh(variables, instead);
      },
    };
  }

  #nameOf({ arn, codeHash, revision }: FunctionSpec, { version }: Launch): string {
    const made = [FORMAT, version, process.arch, ...NODE_FLAGS, this.#options.engine];
    const key = [arn, codeHash, revision, ...made].join('\n');
    return createHash('sha256').update(key).digest('hex').slice(0, 40);
  }

  async #make(name: string, request: SnapshotRequest): Promise<Snapshot> {
    const { directory, blanks, clock } = this.#options;
    const temporary = join(directory, `${name}.${clock.now()}${UNFINISHED}`);
    const modules = join(temporary, 'modules');
    mkdirSync(modules, { recursive: true });
    // A sandbox may be of another user; the folder is closed to all the same.
    const file = openSync(join(temporary, SNAPSHOT_FILE), 'wx', 0o644);
    const connection = blanks.of(request.launch).take();
    this.#makers.add(connection);
    try {
      await this.#receive(connection, request, modules, (bytes) => writeSync(file, bytes));
      rmSync(modules, { recursive: true });
      renameSync(temporary, join(directory, name));
    } finally {
      closeSync(file);
      rmSync(temporary, { recursive: true, force: true });
      connection.process.kill();
      await connection.process.exited;
      this.#makers.delete(connection);
    }
    this.#known.add(name);
    this.#evict();
    return this.#snapshot(name, request.launch);
  }

  /** Drives one process from blank to the last byte of the snapshot. */
  #receive(
    connection: Connection,
    request: SnapshotRequest,
    modules: string,
    take: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const { spec, log } = request;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const limitMs = Math.max(RUNTIME_LIMITS.snapshotInitMsMax, spec.timeoutMs);
    const timer = this.#options.clock.timer(limitMs, () => fail({ kind: 'timeout' }));
    const fail = (failure: Failure) => reject(refusalOf(failure, spec, this.#options.clock.now()));
    // What the process says beyond its last word, or ours, is not for the file: its descriptor may be another's by then.
    let over = false;
    let bytes = 0;
    const onPart = ({ bytes: part, last }: Extract<Frame, { kind: 'snapshot-part' }>) => {
      bytes += part.length;
      if (bytes > RUNTIME_LIMITS.snapshotBytesMax) {
        const limitMb = RUNTIME_LIMITS.snapshotBytesMax / 1024 ** 2;
        return reject(snapshotRefusal('snapshot-unsupported', `the snapshot is larger than ${limitMb} MB`));
      }
      take(part);
      if (last) resolve();
    };
    connection.listen({
      onFrame: (frame) => {
        if (over) return;
        if (frame.kind === 'ready') this.#ask(connection, request, modules).catch(reject);
        else if (frame.kind === 'log') log.write(frame.line);
        else if (frame.kind === 'init-error') fail({ kind: 'init-error', payload: frame.payload });
        else if (frame.kind === 'snapshot-part') onPart(frame);
        else fail({ kind: 'broken', reason: `unexpected ${frame.kind}` });
      },
      onOutput: (line) => log.write(line),
      onEnd: fail,
    });
    if (connection.ready) this.#ask(connection, request, modules).catch(reject);
    return promise.finally(() => {
      over = true;
      timer.cancel();
    });
  }

  /** @param modules  folder for ES modules that are written as CommonJS; shown to the sandbox where code caches are */
  async #ask(
    connection: Connection,
    { spec, log, credentials, variables }: SnapshotRequest,
    modules: string,
  ): Promise<void> {
    const { codeDirectory, layers, ephemeralStorageMb, egress } = spec;
    const memoryMb = spec.memoryMb + EXTRA_MEMORY_MB;
    await writeAsCommonJs(codeDirectory, this.#options.engine === 'process' ? codeDirectory : TASK_ROOT, modules);
    const tenant = { codeDirectory, layers, cacheDirectory: modules, memoryMb, ephemeralStorageMb, egress };
    const [granted, placement] = await Promise.all([credentials, connection.process.assign(tenant)]);
    connection.send([encodeSnapshot(loadConfig(spec, placement, variables(granted, placement), log.stream))]);
  }

  #remove(name: string): void {
    rmSync(join(this.#options.directory, name), { recursive: true, force: true });
  }

  /** The oldest goes when there are too many; its function starts without. */
  #evict(): void {
    while (this.#known.size > RUNTIME_LIMITS.snapshotsMax) {
      const oldest = this.#known.values().next().value!;
      this.#known.delete(oldest);
      this.#remove(oldest);
    }
  }
}

function refusalOf(failure: Failure, spec: FunctionSpec, nowMs: number): Error {
  if (failure.kind === 'timeout') return snapshotRefusal('snapshot-init-failed', 'init has taken too long');
  const { payload, errorType } = reportFailure(failure, spec, '', nowMs);
  const message = messageIn(payload) ?? errorType;
  if (errorType === UNSUPPORTED) return snapshotRefusal('snapshot-unsupported', message);
  return snapshotRefusal('snapshot-init-failed', `${errorType}: ${message}`);
}

function messageIn(payload: Uint8Array): string | undefined {
  try {
    return String((JSON.parse(Buffer.from(payload).toString('utf8')) as { errorMessage?: unknown }).errorMessage);
  } catch {
    return undefined;
  }
}
