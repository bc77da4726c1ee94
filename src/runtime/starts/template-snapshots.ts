import type { Socket } from 'node:net';
import { join } from 'node:path';
import { abortable, type Clock, type DomainError, messageOf, type Random, uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import { errorTypeOf } from '../environments/failures.ts';
import { startVariables } from '../environments/function-variables.ts';
import type { Failure } from '../environments/life-cycle.ts';
import { loadConfig } from '../environments/load-config.ts';
import { initReportLine, initStartLine } from '../environments/report.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Door, Sandbox } from '../sandbox/sandbox.ts';
import { CLONES } from './clone.ts';
import type { CodeCaches } from './code-caches.ts';
import {
  type Snapshot,
  type SnapshotErrorCode,
  type SnapshotMaker,
  type SnapshotRequest,
  snapshotRefusal,
} from './snapshots.ts';
import { Template } from './template.ts';

/** Quiet time before the next environment is forked ahead: the one that was taken has the processor for itself. */
const REFILL_DELAY_MS = 50;
/** What the runtime reports when init has left behind what a fork does not have. */
const UNSUPPORTED = 'Snapshot.Unsupported';
/** Failed versions that are remembered. */
const REFUSED_MAX = 1_000;

export interface TemplateSnapshotsOptions {
  readonly sandbox: Pick<Sandbox, 'start'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly codeCaches: CodeCaches;
  /** Services of the node that every environment reaches, and who takes the connections to them. */
  readonly doors: () => readonly Door[] | undefined;
  readonly accept: Readonly<Record<string, (socket: Socket) => void>>;
  /** Their private folders stand here. */
  readonly directory: string;
}

/** A version's own: kept until the version changes or others need its place. */
interface Kept {
  readonly revision: string;
  readonly template: Template;
  /** Forked ahead, for whoever comes next. */
  next: Connection | undefined;
}

/**
 * Snapshots of initialised functions, as processes: one template for each function version, which has run init and the hooks before a
 * snapshot, and forks an environment whenever one is needed. It shares its memory with them, and its sandbox: they are walled off
 * from the rest, and from each other as processes of one user are.
 */
export class TemplateSnapshots implements SnapshotMaker {
  readonly #options: TemplateSnapshotsOptions;
  /** By ARN; the one used last stands last. */
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<Snapshot>>();
  /** All that run, those that are let go of and still have environments among them. */
  readonly #running = new Set<Template>();
  /** Revision by ARN of versions whose init has failed: nobody tries it in the background again. */
  readonly #refused = new Map<string, string>();
  #closed = false;

  constructor(options: TemplateSnapshotsOptions) {
    this.#options = options;
  }

  find({ arn, revision }: FunctionSpec): Snapshot | undefined {
    const kept = this.#kept.get(arn);
    if (kept?.revision !== revision || kept.template.ended) return undefined;
    // Variables that only a new process can take were given to the template.
    return { start: () => this.#start(arn, kept) };
  }

  make(request: SnapshotRequest): Promise<Snapshot> {
    const { arn, revision } = request.spec;
    const found = this.find(request.spec);
    if (found !== undefined) return Promise.resolve(found);
    const key = `${arn} ${revision}`;
    const making = this.#making.get(key) ?? this.#make(request).finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    return making;
  }

  lacks(spec: FunctionSpec): boolean {
    return !this.#closed && this.#refused.get(spec.arn) !== spec.revision && !this.find(spec);
  }

  drop({ arn }: FunctionSpec): void {
    this.retire(arn);
  }

  retire(arn: string): void {
    const kept = this.#kept.get(arn);
    kept?.template.retire();
    kept?.next?.process.kill();
    this.#kept.delete(arn);
    this.#refused.delete(arn);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#kept.clear();
    await Promise.all(Array.from(this.#running, (template) => template.close()));
    await Promise.allSettled(this.#making.values());
  }

  #start(arn: string, kept: Kept): Connection {
    this.#kept.delete(arn);
    this.#kept.set(arn, kept);
    const { next } = kept;
    kept.next = undefined;
    this.#options.clock.timer(REFILL_DELAY_MS, () => this.#forkAhead(kept));
    return next && !next.ended ? next : this.#clone(kept.template, false);
  }

  async #make(request: SnapshotRequest): Promise<Snapshot> {
    const { spec, launch, log } = request;
    const { clock } = this.#options;
    if (this.#closed) throw snapshotRefusal('snapshot-init-failed', 'the node is draining');
    const startedAt = clock.monotonic();
    log.write(initStartLine(spec, launch));
    const template = this.#open(request);
    const failure = await this.#initialise(template, request);
    if (failure) {
      await template.close();
      log.write(initReportLine(clock.monotonic() - startedAt, 'init', endingOf(failure)));
      this.#refuse(spec);
      throw refusalOf(failure);
    }
    this.retire(spec.arn);
    return this.#keep(spec, template);
  }

  #keep(spec: FunctionSpec, template: Template): Snapshot {
    const kept: Kept = { revision: spec.revision, template, next: undefined };
    this.#kept.set(spec.arn, kept);
    this.#forkAhead(kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > RUNTIME_LIMITS.snapshotTemplatesMax) this.retire(oldest!);
    return { start: () => this.#start(spec.arn, kept) };
  }

  #forkAhead(kept: Kept): void {
    if (kept.template.ended || kept.template.isRetiring || kept.next) return;
    kept.next = this.#clone(kept.template, true);
  }

  #clone(template: Template, ahead: boolean): Connection {
    const { doors, accept } = this.#options;
    const process = template.clone({ ahead }, { doors: doors() ?? [] });
    for (const [door, take] of Object.entries(accept)) process.accept(door, take);
    return new Connection(process, () => {});
  }

  #refuse({ arn, revision }: FunctionSpec): void {
    this.#refused.set(arn, revision);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > REFUSED_MAX) this.#refused.delete(oldest!);
  }

  #open({ spec, launch, log }: SnapshotRequest): Template {
    const { sandbox, random, doors, accept, directory } = this.#options;
    const { command, environment, readable } = launch;
    const process = sandbox.start({
      command,
      environment: { ...environment, ...startVariables(spec) },
      readable,
      directory: join(directory, uuid(random)),
      doors: [...(doors() ?? []), CLONES],
    });
    for (const [door, take] of Object.entries(accept)) process.accept(door, take);
    const template = new Template(new Connection(process, () => {}), random, (line) => log.write(line));
    this.#running.add(template);
    void process.exited.then(() => this.#running.delete(template));
    return template;
  }

  async #initialise(
    template: Template,
    { spec, launch, log, credentials, variables }: SnapshotRequest,
  ): Promise<Failure | undefined> {
    const limit = new AbortController();
    const limitMs = Math.max(RUNTIME_LIMITS.snapshotInitMsMax, spec.timeoutMs);
    const timer = this.#options.clock.timer(limitMs, () => limit.abort());
    try {
      const failure = await abortable(template.ready(), limit.signal);
      if (failure) return failure;
      const { codeDirectory, layers, memoryMb, ephemeralStorageMb, egress } = spec;
      const cacheDirectory = this.#options.codeCaches.directoryOf(spec, launch.version);
      const tenant = { codeDirectory, layers, cacheDirectory, memoryMb, ephemeralStorageMb, egress };
      const [placement, granted] = await Promise.all([template.process.assign(tenant), credentials]);
      const config = loadConfig(spec, placement, variables(granted, placement), log.stream);
      return await abortable(template.load(config, placement), limit.signal);
    } catch (error) {
      if (limit.signal.aborted) return { kind: 'timeout' };
      return { kind: 'broken', reason: messageOf(error) };
    } finally {
      timer.cancel();
    }
  }
}

function endingOf(failure: Failure) {
  if (failure.kind === 'timeout') return { status: 'timeout' } as const;
  const errorType = failure.kind === 'init-error' ? errorTypeOf(failure.payload) : 'Runtime.ExitError';
  return { status: 'error', errorType } as const;
}

function refusalOf(failure: Failure): DomainError<SnapshotErrorCode> {
  const isUnsupported = failure.kind === 'init-error' && errorTypeOf(failure.payload) === UNSUPPORTED;
  const reason = reasonOf(failure);
  return isUnsupported
    ? snapshotRefusal('snapshot-unsupported', reason)
    : snapshotRefusal('snapshot-init-failed', `init has failed: ${reason}`);
}

function reasonOf(failure: Failure): string {
  switch (failure.kind) {
    case 'not-placed':
    case 'init-error': {
      const { errorType, errorMessage } = JSON.parse(Buffer.from(failure.payload).toString('utf8'));
      return errorType === UNSUPPORTED ? errorMessage : `${errorType}: ${errorMessage}`;
    }
    case 'timeout':
      return 'it takes longer than it may';
    case 'out-of-memory':
      return 'it takes more memory than the function has';
    case 'exit':
      return `the process has ended (${failure.signal ?? failure.code})`;
    case 'fault':
      return `${failure.errorType}: ${failure.message}`;
    case 'broken':
      return failure.reason;
  }
}
