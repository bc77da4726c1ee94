import type { Clock, Timer } from '../../base/index.ts';
import type { EndReason } from '../environments/connection.ts';
import type { SandboxProcess } from '../sandbox/sandbox.ts';
import type { Extensions } from './extensions.ts';
import { API_LIMITS } from './limits.ts';
import type { SupervisorLink } from './supervisor-link.ts';
import type { Telemetry } from './telemetry.ts';

export interface ShutdownOptions {
  readonly reason: EndReason;
  readonly extensions: Extensions;
  readonly supervisor: SupervisorLink;
  readonly process: SandboxProcess;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** The runtime has ended already. */
  readonly runtimeEnded: boolean;
  /** Extensions that have ended already. */
  readonly ended: ReadonlySet<string>;
}

/**
 * The end of an environment with external extensions, as Lambda has it: the runtime first (SIGTERM, then SIGKILL; at once where it
 * has failed), then SHUTDOWN to the extensions that asked for it, then SIGKILL to whatever is left of the 2 seconds.
 */
export class Shutdown {
  readonly #options: ShutdownOptions;
  readonly #left: Set<string>;
  readonly #deadlineMs: number;
  readonly #timer: Timer;
  #runtimeTimer: Timer | undefined;
  #runtimeOver = false;

  constructor(options: ShutdownOptions) {
    const { clock, process, extensions, reason, supervisor, ended } = options;
    this.#options = options;
    this.#left = new Set(extensions.external.map(({ name }) => name).filter((name) => !ended.has(name)));
    this.#deadlineMs = clock.now() + API_LIMITS.shutdownMs;
    this.#timer = clock.timer(API_LIMITS.shutdownMs, () => this.#kill());
    process.thaw();
    if (options.runtimeEnded) {
      // After what is being said about the invocation that failed.
      queueMicrotask(() => this.onRuntimeExit());
    } else if (reason === 'spindown') {
      const internal = extensions.all.some(({ external }) => !external);
      supervisor.signal(null, 'SIGTERM');
      const { shutdownInternalMs, shutdownRuntimeMs } = API_LIMITS;
      const graceMs = internal ? shutdownInternalMs : shutdownRuntimeMs;
      this.#runtimeTimer = clock.timer(graceMs, () => supervisor.signal(null, 'SIGKILL'));
    } else {
      supervisor.signal(null, 'SIGKILL');
    }
  }

  onRuntimeExit(): void {
    if (this.#runtimeOver) return;
    this.#runtimeOver = true;
    this.#runtimeTimer?.cancel();
    const { extensions, supervisor, telemetry, reason } = this.#options;
    void telemetry.flush();
    extensions.tell('SHUTDOWN', { shutdownReason: reason, deadlineMs: this.#deadlineMs });
    for (const { name, events } of extensions.external) {
      if (!events.includes('SHUTDOWN')) supervisor.signal(name, 'SIGKILL');
    }
    this.#check();
  }

  onExtensionExit(name: string): void {
    this.#left.delete(name);
    this.#check();
  }

  #check(): void {
    if (this.#runtimeOver && this.#left.size === 0) this.#kill();
  }

  #kill(): void {
    this.#timer.cancel();
    this.#runtimeTimer?.cancel();
    this.#options.telemetry.stop();
    this.#options.process.kill();
  }
}
