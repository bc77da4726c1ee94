import { dirname } from 'node:path';
import { type Clock, messageOf, type Timer } from '../../base/index.ts';
import { deployApplication, updateCode } from '../application/deployment.ts';
import type { Package } from '../application/package.ts';
import { RemoteStack } from '../application/stack.ts';
import { type Application, readApplication } from '../application/template.ts';
import type { Client } from '../client.ts';
import { CommandError } from '../command.ts';
import { showOutputs } from '../deploy.ts';
import { paint, type Terminal } from '../terminal.ts';
import { type BuildFailure, Builds } from './builds.ts';
import { Coalescer } from './coalescer.ts';
import { type FileChange, FolderWatcher, isWithin } from './folder-watcher.ts';

/** A failure is shown when no other change has come for so long: half of a save is not worth a page of errors. */
const SETTLE_MS = 150;

export interface DevelopmentOptions {
  readonly directory: string;
  readonly stackName: string;
  readonly client: Client;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Folders whose changes are nobody's edits: the node's data. */
  readonly ignored: readonly string[];
  /** Told of each function that may have changed: all of them after a deployment of the stack, those that were swapped. */
  readonly onFunction?: (logicalId: string, name: string) => Promise<void>;
}

/** What the node has. */
interface Deployed {
  readonly template: string;
  /** Hashes of packages by logical id. */
  readonly hashes: Map<string, string>;
  /** Names of functions by logical id. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * An application under development: deployed once, then kept as its files are.
 *
 *   a change -> quiet for a moment -> packages that it concerns are made anew
 *     -> only code of functions is other than deployed: UpdateFunctionCode for these, past the stack; the rest runs on
 *     -> the template, a layer or a function with published versions is: the whole stack, as `millrace deploy` does it
 *
 * What fails is reported, the code that runs stays, and the next change tries again.
 */
export class Development implements AsyncDisposable {
  readonly #options: DevelopmentOptions;
  readonly #builds = new Builds();
  readonly #watcher: FolderWatcher;
  readonly #changes: Coalescer<FileChange>;
  #application: Application | undefined;
  #deployed: Deployed | undefined;
  /** Changes that came while others were being worked on. */
  #waiting: FileChange[] = [];
  #begun = 0;
  #work: Promise<void> | undefined;
  #report: Timer | undefined;
  /** The last report has not been followed by a success. */
  #broken = false;
  #closed = false;

  constructor(options: DevelopmentOptions) {
    this.#options = options;
    this.#changes = new Coalescer(options.clock, (changes, begun) => this.#take(changes, begun));
    this.#watcher = new FolderWatcher({
      ignored: options.ignored,
      onError: (error) => this.#fail([describe(error)]),
      onChange: (change) => {
        this.#report?.cancel();
        this.#changes.add(change);
      },
    });
  }

  /** Begins to watch the folder and deploys the application as it is. */
  start(): void {
    this.#watcher.cover(this.#options.directory);
    this.#take([], this.#options.clock.monotonic());
  }

  /** Takes no more changes; resolves when what is under way is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#changes[Symbol.dispose]();
    this.#watcher[Symbol.dispose]();
    this.#report?.cancel();
    await this.#work;
    await this.#builds[Symbol.asyncDispose]();
  }

  #take(changes: readonly FileChange[], begun: number): void {
    if (this.#waiting.length === 0) this.#begun = begun;
    this.#waiting.push(...changes);
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  async #run(): Promise<void> {
    do {
      const changes = this.#waiting;
      this.#waiting = [];
      await this.#follow(changes, this.#begun).catch((error: unknown) =>
        this.#fail([`not deployed: ${describe(error)}`]),
      );
    } while (this.#waiting.length > 0 && !this.#closed);
  }

  /** Brings the node to what the files say. */
  async #follow(changes: readonly FileChange[], begun: number): Promise<void> {
    if (await this.#readTemplate(changes)) await this.#builds.adopt(this.#application!);
    const failures = await this.#builds.make(changes);
    this.#watchInputs();
    if (this.#throughStack()) await this.#deploy(failures, begun);
    else await this.#swap(begun);
    if (failures.length > 0) this.#fail(failures.map((failure) => this.#worded(failure)));
    else this.#mended();
  }

  /** @returns whether the template was read */
  async #readTemplate(changes: readonly FileChange[]): Promise<boolean> {
    const file = this.#application?.templateFile;
    if (file && this.#deployed && !changes.some(({ path }) => path === file)) return false;
    this.#application = await readApplication(this.#options.directory);
    return true;
  }

  /** Sources may stand anywhere: the folders of those that are elsewhere are watched too. */
  #watchInputs(): void {
    const { directory } = this.#options;
    for (const { codePath } of [...this.#application!.functions, ...this.#application!.layers]) {
      if (!isWithin(codePath, directory)) this.#watcher.cover(codePath);
    }
    for (const input of this.#builds.inputs()) {
      if (!isWithin(input, directory) && !input.includes('/node_modules/')) this.#watcher.coverAlone(dirname(input));
    }
  }

  /** Whether what has changed is more than the code of functions. */
  #throughStack(): boolean {
    const { functions, layers, template } = this.#application!;
    if (this.#deployed?.template !== JSON.stringify(template)) return true;
    const stacked = [...layers, ...functions.filter(({ published }) => published)];
    const changed = new Set(this.#changed().map(({ logicalId }) => logicalId));
    return stacked.some(({ logicalId }) => changed.has(logicalId));
  }

  /** Packages that are other than what is deployed. */
  #changed(): readonly Package[] {
    const { hashes } = this.#deployed!;
    return [...this.#builds.packages.values()].filter(({ logicalId, hash }) => hashes.get(logicalId) !== hash);
  }

  async #deploy(failures: readonly BuildFailure[], begun: number): Promise<void> {
    const { terminal, stackName, client, clock, onFunction } = this.#options;
    const application = this.#application!;
    const { packages } = this.#builds;
    // A function that was never packaged leaves nothing to deploy in its place.
    const missing = failures.find(({ logicalId }) => !packages.has(logicalId));
    if (missing) return;
    const outcome = await deployApplication(application, packages, { ...this.#options, parameters: {}, tags: {} });
    const names = await new RemoteStack(stackName, client, terminal, clock).physicalIds('AWS::Lambda::Function');
    const hashes = new Map(Array.from(packages.values(), ({ logicalId, hash }) => [logicalId, hash]));
    this.#broken = false;
    this.#deployed = { template: JSON.stringify(application.template), hashes, names };
    terminal.err(`${outcome.changed ? 'deployed' : 'nothing to change in'} ${stackName} (${this.#since(begun)} ms)\n`);
    // stdout has the ready line only.
    showOutputs(outcome.outputs, false, { ...terminal, out: terminal.err });
    for (const [logicalId, name] of names) await onFunction?.(logicalId, name);
  }

  /** New code for functions, past the stack: what has not changed is not touched. */
  async #swap(begun: number): Promise<void> {
    const { client, stackName, terminal, onFunction } = this.#options;
    const { names, hashes } = this.#deployed!;
    await Promise.all(
      this.#changed().map(async (code) => {
        const { logicalId, hash } = code;
        const name = names.get(logicalId);
        // A condition of the template has left the function out.
        if (!name) return;
        await updateCode(client, stackName, name, code);
        hashes.set(logicalId, hash);
        await onFunction?.(logicalId, name);
        this.#broken = false;
        terminal.err(`${paint(terminal.errColours, 'green', 'swapped')} ${logicalId} in ${this.#since(begun)} ms\n`);
      }),
    );
  }

  #since(begun: number): number {
    return Math.round(this.#options.clock.monotonic() - begun);
  }

  #fail(failures: readonly string[]): void {
    const { clock, terminal } = this.#options;
    this.#report?.cancel();
    if (this.#closed) return;
    this.#report = clock.timer(SETTLE_MS, () => {
      this.#broken = true;
      for (const failure of failures) terminal.err(`millrace: ${failure}\n`);
    });
  }

  #worded({ logicalId, error }: BuildFailure): string {
    const consequence = this.#deployed ? `${logicalId} keeps the code that it has` : 'not deployed';
    return `${consequence}: ${describe(error)}`;
  }

  /** Whoever has read of a failure wants to read that it is over, even where the code is as it was before. */
  #mended(): void {
    if (this.#broken) this.#options.terminal.err('all functions are as deployed\n');
    this.#broken = false;
  }
}

function describe(error: unknown): string {
  return error instanceof CommandError ? error.message : ((error as Error).stack ?? messageOf(error));
}
