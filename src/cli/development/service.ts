import { join } from 'node:path';
import { type Clock, messageOf } from '../../base/index.ts';
import { runOsls } from '../application/osls.ts';
import type { Connection } from '../client.ts';
import type { Terminal } from '../terminal.ts';
import { Coalescer } from './coalescer.ts';
import { type FileChange, FolderWatcher } from './folder-watcher.ts';

export interface ServiceDevelopmentOptions {
  readonly directory: string;
  /** Folders whose changes are nobody's edits. */
  readonly ignored: readonly string[];
  readonly connection: Connection;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Keeps a service of osls as its files are: osls deploys it whole, at the start and again after changes. (What is in its packages only
 * osls knows, so functions are not swapped one by one.)
 */
export class ServiceDevelopment implements AsyncDisposable {
  readonly #options: ServiceDevelopmentOptions;
  readonly #watcher: FolderWatcher;
  readonly #changes: Coalescer<FileChange>;
  #work: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: ServiceDevelopmentOptions) {
    const { directory, ignored, clock, terminal } = options;
    this.#options = options;
    this.#changes = new Coalescer(clock, () => this.#deploy());
    this.#watcher = new FolderWatcher({
      ignored: [...ignored, join(directory, '.serverless')],
      onError: (error) => terminal.err(`millrace: ${messageOf(error)}\n`),
      onChange: (change) => this.#changes.add(change),
    });
  }

  start(): void {
    this.#watcher.cover(this.#options.directory);
    this.#deploy();
  }

  /** Takes no more changes; resolves when the deployment that is under way has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#changes[Symbol.dispose]();
    this.#watcher[Symbol.dispose]();
    await this.#work;
  }

  #deploy(): void {
    this.#again = true;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  async #run(): Promise<void> {
    const { directory, terminal } = this.#options;
    while (this.#again && !this.#closed) {
      this.#again = false;
      // stdout has the ready line only.
      const quiet = { ...terminal, out: terminal.err };
      await runOsls(directory, ['deploy'], { ...this.#options, terminal: quiet }).catch((error: unknown) =>
        terminal.err(`millrace: not deployed: ${messageOf(error)}\n`),
      );
    }
  }
}
