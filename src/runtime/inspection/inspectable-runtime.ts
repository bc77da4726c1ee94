import { assert } from '../../base/index.ts';
import type { FunctionSpec, PoolState, ProvisionedState, Runtime, Slot, SnapshotOutcome, Wait } from '../runtime.ts';

/** How long an invocation under a debugger may take: it is held by breakpoints, not by the function's timeout. */
const TIMEOUT_MS = 24 * 3_600_000;

/**
 * Runs functions as the runtime that it stands before, but for those that a debugger may attach to. These have a runtime of their
 * own, which is opened when the first is asked for:
 *
 * - one environment, started ahead, so that the debugger finds it before the first call and can set breakpoints in it;
 * - one invocation at a time; callers wait for it, whether they would or not;
 * - neither the function's timeout nor that of init;
 * - the sandbox engine `process`: in a network of its own nobody could reach the inspector, and source maps name files that a
 *   debugger opens where it runs.
 */
export class InspectableRuntime implements Runtime {
  readonly #runtime: Runtime;
  readonly #open: () => Promise<Runtime>;
  #opened: Promise<Runtime> | undefined;
  #inspecting: Runtime | undefined;
  /** Ports by the ARN of the version that is inspected. */
  readonly #ports = new Map<string, number>();

  /** @param open  opens the runtime of inspected functions, with the engine `process` */
  constructor(runtime: Runtime, open: () => Promise<Runtime>) {
    this.#runtime = runtime;
    this.#open = open;
  }

  /**
   * Starts an environment of a function for a debugger to attach to. Again after each change of the function, which ends it.
   *
   * @param port  TCP port of loopback, 1 to 65,535, that no other inspected function has
   */
  async inspect(spec: FunctionSpec, port: number): Promise<void> {
    assert(
      spec.runtime.startsWith('nodejs'),
      `only functions of Node runtimes can be inspected, not of ${spec.runtime}`,
    );
    this.#opened ??= this.#open();
    this.#inspecting = await this.#opened;
    if (!this.#ports.has(spec.arn)) this.#runtime.retire(spec.arn);
    this.#ports.set(spec.arn, port);
    this.#inspecting.provision(inspected(spec, port));
  }

  reserve(spec: FunctionSpec, options: { readonly wait: Wait; readonly signal?: AbortSignal }): Promise<Slot> {
    const port = this.#ports.get(spec.arn);
    if (port === undefined) return this.#runtime.reserve(spec, options);
    return this.#inspecting!.reserve(inspected(spec, port), { ...options, wait: true });
  }

  snapshot(spec: FunctionSpec): Promise<SnapshotOutcome> {
    return this.#runtime.snapshot(spec);
  }

  provision(spec: FunctionSpec): void {
    this.#runtime.provision(spec);
  }

  provisioned(functionArn: string): ProvisionedState | undefined {
    return this.#runtime.provisioned(functionArn);
  }

  retire(functionArn: string, successor?: FunctionSpec): void {
    const port = this.#ports.get(functionArn);
    this.#runtime.retire(functionArn, successor);
    this.#inspecting?.retire(functionArn, successor && port !== undefined ? inspected(successor, port) : undefined);
  }

  reserveConcurrency(functionArn: string, reserved: number | undefined): void {
    this.#runtime.reserveConcurrency(functionArn, reserved);
  }

  pools(): readonly PoolState[] {
    const inspecting = this.#inspecting?.pools() ?? [];
    return [...this.#runtime.pools().filter(({ functionArn }) => !this.#ports.has(functionArn)), ...inspecting];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    await Promise.all([this.#runtime[Symbol.asyncDispose](), opened?.[Symbol.asyncDispose]()]);
  }
}

function inspected(spec: FunctionSpec, inspectorPort: number): FunctionSpec {
  return {
    ...spec,
    inspectorPort,
    timeoutMs: TIMEOUT_MS,
    environmentConcurrency: 1,
    reservedConcurrency: 1,
    provisionedConcurrency: 1,
    snapStart: false,
  };
}
