import { watch } from 'node:fs';
import { type Clock, messageOf, type Timer } from '../base/index.ts';
import { encodeStrictly } from '../codec/aws/index.ts';
import { deployApplication, type Packages, packageApplication, uploadPackage } from './application/deployment.ts';
import { RemoteStack } from './application/stack.ts';
import { type Application, readApplication } from './application/template.ts';
import type { Client } from './client.ts';
import { CommandError } from './command.ts';
import { showOutputs } from './deploy.ts';
import type { Terminal } from './terminal.ts';

/** Editors write a file in several steps: a change counts when it has been quiet for so long. */
const QUIET_MS = 120;

/** Folders whose changes are nobody's edits. */
const UNWATCHED = /(^|[\\/])(node_modules|\.git|\.millrace|\.aws-sam)([\\/]|$)/;

export interface DevelopmentOptions {
  readonly directory: string;
  readonly stackName: string;
  readonly client: Client;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/**
 * An application under development: deployed once, then kept as its files are. A changed function gets its new code and the rest
 * runs on; a changed template is deployed anew. What fails is reported, and the next change tries again.
 */
export class Development implements Disposable {
  readonly #options: DevelopmentOptions;
  #application: Application | undefined;
  #packages: Packages = new Map();
  #watcher: Disposable | undefined;
  #timer: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: DevelopmentOptions) {
    this.#options = options;
  }

  /** Deploys the application as it is and begins to watch its folder. */
  async start(): Promise<void> {
    try {
      this.#watch();
    } catch (error) {
      // Without watches left (inotify has a limit) the application still runs.
      this.#report(error);
    }
    this.#work = this.#attempt();
    await this.#work;
  }

  #watch(): void {
    const watcher = watch(this.#options.directory, { recursive: true }, (_event, file) => this.#changed(file));
    watcher.on('error', (error) => this.#report(error));
    this.#watcher = { [Symbol.dispose]: () => watcher.close() };
  }

  /** Resolves when what is under way is done. */
  async idle(): Promise<void> {
    await this.#work;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watcher?.[Symbol.dispose]();
  }

  #changed(file: string | null): void {
    if (file !== null && UNWATCHED.test(file)) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.timer(QUIET_MS, () => {
      this.#work = this.#work.then(() => this.#attempt());
    });
  }

  async #attempt(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#redeploy();
    } catch (error) {
      this.#report(error);
    }
  }

  async #redeploy(): Promise<void> {
    const before = this.#application;
    const application = await readApplication(this.#options.directory);
    const packages = await packageApplication(application);
    const changed = [...packages.values()].filter(
      ({ logicalId, hash }) => this.#packages.get(logicalId)?.hash !== hash,
    );
    const sameTemplate =
      before !== undefined && JSON.stringify(before.template) === JSON.stringify(application.template);
    if (!sameTemplate) await this.#deploy(application, packages);
    else if (changed.length > 0)
      await this.#updateCode(
        packages,
        changed.map(({ logicalId }) => logicalId),
      );
    this.#application = application;
    this.#packages = packages;
  }

  async #deploy(application: Application, packages: Packages): Promise<void> {
    const { terminal, stackName } = this.#options;
    const begun = this.#options.clock.monotonic();
    const outcome = await deployApplication(application, packages, { ...this.#options, parameters: {}, tags: {} });
    terminal.err(`${outcome.changed ? 'deployed' : 'nothing to change in'} ${stackName} ${this.#took(begun)}\n`);
    // stdout has the ready line only.
    showOutputs(outcome.outputs, false, { ...terminal, out: terminal.err });
  }

  /** New code for some functions, past the stack: the rest of it need not be looked at. */
  async #updateCode(packages: Packages, logicalIds: readonly string[]): Promise<void> {
    const { client, terminal, clock, stackName } = this.#options;
    const begun = clock.monotonic();
    const names = await new RemoteStack(stackName, client, terminal, clock).physicalIds('AWS::Lambda::Function');
    for (const id of logicalIds) {
      const { bucket, key } = await uploadPackage(packages.get(id)!, stackName, client);
      const path = `/2015-03-31/functions/${encodeStrictly(names.get(id)!)}/code`;
      await client.rest('lambda', 'PUT', path, { S3Bucket: bucket, S3Key: key });
    }
    terminal.err(`new code for ${logicalIds.join(', ')} ${this.#took(begun)}\n`);
  }

  #took(begun: number): string {
    return `(${Math.round(this.#options.clock.monotonic() - begun)} ms)`;
  }

  #report(error: unknown): void {
    const text = error instanceof CommandError ? error.message : ((error as Error).stack ?? messageOf(error));
    this.#options.terminal.err(`millrace: not deployed: ${text}\n`);
  }
}
