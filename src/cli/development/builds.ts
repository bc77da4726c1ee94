import { basename } from 'node:path';
import { Bundler } from '../application/bundle.ts';
import type { Packages } from '../application/deployment.ts';
import { type Package, packageFunction, packageLayer } from '../application/package.ts';
import type { Application, LocalFunction, LocalLayer } from '../application/template.ts';
import { type FileChange, isWithin } from './folder-watcher.ts';

/** Settings that a bundle is made by and that esbuild does not count among its inputs. */
const SETTINGS = /^(package|tsconfig[\w.-]*)\.json$/;

/** What a package was made of. */
interface Made {
  readonly codePath: string;
  /** Files of a bundle; `undefined` for a folder that goes as it is. */
  readonly inputs: ReadonlySet<string> | undefined;
}

/** Whether a package may be another one after a change. A file that came or went can change what an import leads to. */
export function concerns({ path, kind }: FileChange, { codePath, inputs }: Made): boolean {
  if (!inputs) return isWithin(path, codePath);
  return kind === 'entry' || inputs.has(path) || SETTINGS.test(basename(path));
}

/** A package that could not be made; the one made before, if any, stays. */
export interface BuildFailure {
  readonly logicalId: string;
  readonly error: unknown;
}

/** The packages of an application under development: each is made anew only when a change concerns it. */
export class Builds implements AsyncDisposable {
  #builds = new Map<string, Build>();

  /** Takes over the functions and layers of an application as it is now. Their packages are to be made anew. */
  async adopt({ functions, layers }: Application): Promise<void> {
    const before = this.#builds;
    this.#builds = new Map();
    for (const fn of functions) this.#builds.set(fn.logicalId, Build.after(before.get(fn.logicalId), fn));
    for (const layer of layers) this.#builds.set(layer.logicalId, Build.after(before.get(layer.logicalId), layer));
    const gone = [...before].filter(([id]) => !this.#builds.has(id));
    await Promise.all(gone.map(([, build]) => build[Symbol.asyncDispose]()));
  }

  /** Makes the packages that the changes concern, and those that there are none of. @returns what could not be made */
  async make(changes: readonly FileChange[]): Promise<readonly BuildFailure[]> {
    const concerned = [...this.#builds.values()].filter((build) => build.isConcernedBy(changes));
    return (await Promise.all(concerned.map((build) => build.make()))).flat();
  }

  /** What has been made. */
  get packages(): Packages {
    const made = [...this.#builds].flatMap(([id, { made }]) => (made ? [[id, made] as const] : []));
    return new Map(made);
  }

  /** Every file that a bundle was made of. */
  *inputs(): Generator<string> {
    for (const { made } of this.#builds.values()) yield* made?.inputs ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#builds.values(), (build) => build[Symbol.asyncDispose]()));
  }
}

/** One function or layer. */
class Build implements AsyncDisposable {
  readonly #source: LocalFunction | LocalLayer;
  readonly #bundler: Bundler;
  /** The last package; of a source that cannot be bundled now, the one before. */
  made: Package | undefined;
  /** The package is not that of the files as they are. */
  #due = true;

  private constructor(source: LocalFunction | LocalLayer, bundler: Bundler, made: Package | undefined) {
    this.#source = source;
    this.#bundler = bundler;
    this.made = made;
  }

  static after(before: Build | undefined, source: LocalFunction | LocalLayer): Build {
    return new Build(source, before ? before.#bundler : new Bundler(), before?.made);
  }

  isConcernedBy(changes: readonly FileChange[]): boolean {
    const made = { codePath: this.#source.codePath, inputs: this.made?.inputs };
    return this.#due || changes.some((change) => concerns(change, made));
  }

  async make(): Promise<readonly BuildFailure[]> {
    const source = this.#source;
    // Its node is on this machine: what compressing saves on the way it would lose twice in time.
    const packaging = { bundle: this.#bundler.bundle, compress: false };
    this.#due = true;
    try {
      this.made = await ('handler' in source ? packageFunction(source, packaging) : packageLayer(source, false));
      this.#due = false;
      return [];
    } catch (error) {
      return [{ logicalId: source.logicalId, error }];
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#bundler[Symbol.asyncDispose]();
  }
}
