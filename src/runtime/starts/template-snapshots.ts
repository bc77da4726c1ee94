import { join } from 'node:path';
import { abortable, type Clock, DomainError, messageOf, type Random, uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import { errorTypeOf } from '../environments/failures.ts';
import type { FunctionCredentials } from '../environments/function-variables.ts';
import type { Failure } from '../environments/life-cycle.ts';
import { loadConfig } from '../environments/load-config.ts';
import { type EnvironmentLog, initReportLine, initStartLine } from '../environments/report.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec, RuntimeErrorCode } from '../runtime.ts';
import type { Door, Placement, Sandbox } from '../sandbox/sandbox.ts';
import { CLONES } from './clone.ts';
import type { CodeCaches } from './code-caches.ts';
import type { Launch } from './launch.ts';
import { Template } from './template.ts';

/** Quiet time before the next environment is forked ahead: the one that was taken has the processor for itself. */
const REFILL_DELAY_MS = 50;
/** Failed versions that are remembered. */
const REFUSED_MAX = 1_000;

export interface TemplateSnapshotsOptions {
  readonly sandbox: Pick<Sandbox, 'start'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly codeCaches: CodeCaches;
  readonly doors: () => readonly Door[];
  /** Their private folders stand here. */
  readonly directory: string;
}

/** What init of one version runs with. */
export interface SnapshotRequest {
  readonly spec: FunctionSpec;
  readonly launch: Launch;
  readonly log: EnvironmentLog;
  readonly credentials: FunctionCredentials | Promise<FunctionCredentials>;
  readonly variables: (credentials: FunctionCredentials, placement: Placement) => Readonly<Record<string, string>>;
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
export class TemplateSnapshots {
  readonly #options: TemplateSnapshotsOptions;
  /** By ARN; the one used last stands last. */
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<void>>();
  /** All that run, those that are let go of and still have environments among them. */
  readonly #running = new Set<Template>();
  /** Revision by ARN of versions whose init has failed: nobody tries it in the background again. */
  readonly #refused = new Map<string, string>();
  #closed = false;

  constructor(options: TemplateSnapshotsOptions) {
    this.#options = options;
  }

  /**
   * Runs init, unless there is a snapshot already.
   *
   * @throws snapshot-failed  init has, or it leaves behind what cannot be cloned; the message says what
   */
  make(request: SnapshotRequest): Promise<void> {
    const { arn, revision } = request.spec;
    const key = `${arn} ${revision}`;
    const kept = this.#kept.get(arn);
    if (kept?.revision === revision && !kept.template.ended) return Promise.resolve();
    const underWay = this.#making.get(key);
    if (underWay !== undefined) return underWay;
    const making = this.#make(request).finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    return making;
  }

  /** An environment whose handler is loaded already; none where there is no snapshot. */
  start({ arn, revision }: FunctionSpec): Connection | undefined {
    const kept = this.#kept.get(arn);
    if (kept?.revision !== revision || kept.template.ended) return undefined;
    this.#kept.delete(arn);
    this.#kept.set(arn, kept);
    const { next } = kept;
    kept.next = undefined;
    this.#options.clock.timer(REFILL_DELAY_MS, () => this.#forkAhead(kept));
    return next && !next.ended ? next : cloneOf(kept.template, false);
  }

  /** Whether it would be of use to make one for a version that is called without. */
  lacks({ arn, revision }: FunctionSpec): boolean {
    const kept = this.#kept.get(arn);
    if (this.#closed || this.#refused.get(arn) === revision) return false;
    return kept?.revision !== revision || kept.template.ended !== undefined;
  }

  /** Lets go of a version's snapshot; environments that were started from it stay as long as others do. */
  drop(arn: string): void {
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

  async #make(request: SnapshotRequest): Promise<void> {
    const { spec, launch, log } = request;
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    log.write(initStartLine(spec, launch));
    const template = this.#open(request);
    const failure = await this.#initialise(template, request);
    if (failure || this.#closed) {
      await template.close();
      if (failure) {
        log.write(initReportLine(clock.monotonic() - startedAt, 'init', endingOf(failure)));
        this.#refuse(spec);
      }
      throw refused(failure);
    }
    this.drop(spec.arn);
    const kept: Kept = { revision: spec.revision, template, next: undefined };
    this.#forkAhead(kept);
    this.#kept.set(spec.arn, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > RUNTIME_LIMITS.snapshotTemplatesMax) this.drop(oldest!);
  }

  #forkAhead(kept: Kept): void {
    if (kept.template.ended || kept.template.isRetiring || kept.next) return;
    kept.next = cloneOf(kept.template, true);
  }

  #refuse({ arn, revision }: FunctionSpec): void {
    this.#refused.set(arn, revision);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > REFUSED_MAX) this.#refused.delete(oldest!);
  }

  #open({ launch, log }: SnapshotRequest): Template {
    const { sandbox, random, doors, directory } = this.#options;
    const { command, environment, readable } = launch;
    const process = sandbox.start({
      command,
      environment,
      readable,
      directory: join(directory, uuid(random)),
      doors: [...doors(), CLONES],
    });
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
    const limitMs = Math.max(RUNTIME_LIMITS.snapshotInitMsMin, spec.timeoutMs);
    const timer = this.#options.clock.timer(limitMs, () => limit.abort());
    try {
      const failure = await abortable(template.ready(), limit.signal);
      if (failure) return failure;
      const { codeDirectory, layers, memoryMb, ephemeralStorageMb, egress } = spec;
      const cacheDirectory = this.#options.codeCaches.directoryOf(spec, launch.version);
      const tenant = { codeDirectory, layers, cacheDirectory, memoryMb, ephemeralStorageMb, egress };
      const [placement, granted] = await Promise.all([template.process.assign(tenant), credentials]);
      const config = loadConfig(spec, log.stream, placement, variables(granted, placement));
      return await abortable(template.load(config, placement), limit.signal);
    } catch (error) {
      if (limit.signal.aborted) return { kind: 'timeout' };
      return { kind: 'broken', reason: messageOf(error) };
    } finally {
      timer.cancel();
    }
  }
}

function cloneOf(template: Template, ahead: boolean): Connection {
  return new Connection(template.clone({ ahead }), () => {});
}

function endingOf(failure: Failure) {
  if (failure.kind === 'timeout') return { status: 'timeout' } as const;
  const errorType = failure.kind === 'init-error' ? errorTypeOf(failure.payload) : 'Runtime.ExitError';
  return { status: 'error', errorType } as const;
}

function refused(failure: Failure | undefined): DomainError<RuntimeErrorCode> {
  if (!failure) return new DomainError('runtime-closed', 'the node is draining', { remedy: 'retry' });
  return new DomainError('snapshot-failed', `init has failed: ${reasonOf(failure)}`, { remedy: 'never' });
}

function reasonOf(failure: Failure): string {
  switch (failure.kind) {
    case 'not-placed':
    case 'init-error': {
      const { errorType, errorMessage } = JSON.parse(Buffer.from(failure.payload).toString('utf8'));
      return `${errorType}: ${errorMessage}`;
    }
    case 'timeout':
      return 'it takes longer than it may';
    case 'out-of-memory':
      return 'it takes more memory than the function has';
    case 'exit':
      return `the process has ended (${failure.signal ?? failure.code})`;
    case 'broken':
      return failure.reason;
  }
}
