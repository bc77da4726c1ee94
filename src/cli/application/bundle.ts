import { access, readFile } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildContext, BuildOptions, BuildResult, Message } from 'esbuild';
import { messageOf } from '../../base/index.ts';
import { CommandError } from '../command.ts';
import type { ArchiveEntry } from './archive.ts';
import type { LocalFunction } from './template.ts';

const SOURCE_ENDINGS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx'];

/** `require` for packages that were written for CommonJS and are bundled into a module. */
const REQUIRE_BANNER =
  "import { createRequire as millraceCreateRequire } from 'node:module'; const require = millraceCreateRequire(import.meta.url);";

/** What `Metadata.BuildProperties` of a resource may say; SAM's own names. */
interface BuildProperties {
  readonly EntryPoints?: readonly string[];
  readonly External?: readonly string[];
  readonly Format?: 'cjs' | 'esm';
  readonly Loader?: readonly string[];
  readonly MainFields?: readonly string[] | string;
  readonly Minify?: boolean;
  readonly OutExtension?: readonly string[];
  readonly Sourcemap?: boolean;
  readonly SourcesContent?: boolean;
  readonly Target?: string;
  readonly Banner?: readonly { readonly [kind: string]: string }[] | Record<string, string>;
}

/** The file that a handler stands in; `undefined` when the folder has none. */
export async function findEntry({ codePath, handler }: LocalFunction): Promise<string | undefined> {
  const dot = handler.lastIndexOf('.');
  if (dot <= 0) return undefined;
  for (const ending of SOURCE_ENDINGS) {
    const file = join(codePath, `${handler.slice(0, dot)}${ending}`);
    if (await exists(file)) return file;
  }
  return undefined;
}

/** Whether a function is bundled: it says so, is TypeScript, or has a manifest of its own. */
export async function isBundled(fn: LocalFunction, entry: string): Promise<boolean> {
  if (fn.metadata.BuildMethod === 'esbuild') return true;
  if (/\.[mc]?tsx?$/.test(entry)) return true;
  return exists(join(fn.codePath, 'package.json'));
}

/** A function's bundle, and the files that it was made of. */
export interface Bundle {
  readonly entries: readonly ArchiveEntry[];
  /** Absolute paths. */
  readonly inputs: ReadonlySet<string>;
}

/** Bundles one function: {@link bundleOnce}, or a {@link Bundler} that is kept. */
export type BundleFunction = (fn: LocalFunction, entry: string) => Promise<Bundle>;

/**
 * Bundles a function with esbuild: source maps on, minifying off, a module or CommonJS as its nearest `package.json` says, unless
 * its `Metadata` asks otherwise. Nothing of this machine is in the result: the same files give the same bytes anywhere.
 *
 * @throws CommandError  with esbuild's own messages, each with file, line and column
 */
export const bundleOnce: BundleFunction = async (fn, entry) => {
  // Loaded here: it costs 20 ms that commands without a bundle do not owe.
  const { build } = await import('esbuild');
  const options = await buildOptions(fn, entry);
  return bundleOf(fn, () => build(options));
};

/**
 * Bundles one function again and again: esbuild keeps what it has parsed, so that a bundle after a change takes milliseconds.
 * Source maps name the sources by their place on this machine, for debuggers and stack traces that an editor can follow.
 */
export class Bundler implements AsyncDisposable {
  #context: { readonly key: string; readonly esbuild: BuildContext } | undefined;

  /** @throws CommandError  as {@link bundleOnce} */
  readonly bundle: BundleFunction = async (fn, entry) => {
    const esbuild = await this.#contextFor({ ...(await buildOptions(fn, entry)), ...localSources(fn, entry) });
    return bundleOf(fn, () => esbuild.rebuild());
  };

  async [Symbol.asyncDispose](): Promise<void> {
    const context = this.#context;
    this.#context = undefined;
    await context?.esbuild.dispose();
  }

  /** Other options, as a changed template or manifest brings them, need another context. */
  async #contextFor(options: BuildOptions): Promise<BuildContext> {
    const key = JSON.stringify(options);
    if (this.#context?.key === key) return this.#context.esbuild;
    await this[Symbol.asyncDispose]();
    const { context } = await import('esbuild');
    const esbuild = await context(options);
    this.#context = { key, esbuild };
    return esbuild;
  }
}

async function bundleOf(fn: LocalFunction, build: () => Promise<BuildResult>): Promise<Bundle> {
  try {
    const { outputFiles, metafile } = await build();
    const entries = outputFiles!.map(({ path, contents }) => ({
      path: relative(fn.codePath, path).replaceAll('\\', '/'),
      content: contents,
    }));
    return { entries, inputs: new Set(Object.keys(metafile!.inputs).map((path) => resolve(fn.codePath, path))) };
  } catch (error) {
    throw new CommandError(`${fn.logicalId} cannot be bundled:\n${await readable(error, fn.codePath)}`, {
      cause: error,
    });
  }
}

async function buildOptions(fn: LocalFunction, entry: string): Promise<BuildOptions> {
  const properties = propertiesOf(fn);
  const format = properties.Format ?? ((await isModule(entry)) ? 'esm' : 'cjs');
  const { MainFields: mainFields, External: external } = properties;
  const banner = bannerOf(properties);
  return {
    absWorkingDir: fn.codePath,
    entryPoints: entryPoints(fn, entry),
    // Nothing is written: outputs stand where their sources do, so that source maps are relative to the package's root.
    outdir: fn.codePath,
    outbase: fn.codePath,
    allowOverwrite: true,
    write: false,
    metafile: true,
    outExtension: pairs(properties.OutExtension, format === 'esm' ? { '.js': '.mjs' } : {}),
    bundle: true,
    platform: 'node',
    format,
    target: properties.Target ?? nodeTarget(fn.runtime),
    minify: properties.Minify ?? false,
    sourcemap: (properties.Sourcemap ?? true) ? 'linked' : false,
    sourcesContent: properties.SourcesContent ?? true,
    ...(external && { external: [...external] }),
    ...(mainFields && { mainFields: typeof mainFields === 'string' ? mainFields.split(',') : [...mainFields] }),
    ...(properties.Loader && { loader: pairs(properties.Loader, {}) as NonNullable<BuildOptions['loader']> }),
    banner: format === 'esm' ? { ...banner, js: [REQUIRE_BANNER, banner.js ?? ''].join('\n').trim() } : banner,
    logLevel: 'silent',
  };
}

const propertiesOf = (fn: LocalFunction) => (fn.metadata.BuildProperties ?? {}) as BuildProperties;

function entryPoints(fn: LocalFunction, entry: string): string[] {
  const paths = propertiesOf(fn).EntryPoints ?? [relative(fn.codePath, entry)];
  return paths.map((path) => join(fn.codePath, path));
}

/** One root serves all outputs only where they stand in one folder; else the sources stay relative to the package. */
function localSources(fn: LocalFunction, entry: string): BuildOptions {
  const [folder, ...others] = new Set(entryPoints(fn, entry).map(dirname));
  if (others.length > 0) return {};
  // Whoever reads the map finds the sources themselves: without copies of them it is less than half the size.
  const sourcesContent = propertiesOf(fn).SourcesContent ?? false;
  return { sourceRoot: `${pathToFileURL(folder!)}/`, sourcesContent };
}

function bannerOf({ Banner }: BuildProperties): Record<string, string> {
  return Array.isArray(Banner) ? Object.assign({}, ...Banner) : ((Banner ?? {}) as Record<string, string>);
}

/** `['.js=.mjs']` as an object. */
function pairs(list: readonly string[] | undefined, otherwise: Record<string, string>): Record<string, string> {
  if (!list) return otherwise;
  return Object.fromEntries(list.map((pair) => pair.split('=') as [string, string]));
}

/** `nodejs22.x` runs what Node 22 runs. */
function nodeTarget(runtime: string): string {
  const major = /^nodejs(\d+)\.x$/.exec(runtime)?.[1];
  return `node${major ?? process.versions.node.split('.')[0]}`;
}

/** Whether a source file is a module: by its ending, else by the nearest manifest above it. */
async function isModule(file: string): Promise<boolean> {
  const ending = extname(file);
  if (ending === '.mts' || ending === '.mjs') return true;
  if (ending === '.cts' || ending === '.cjs') return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest !== undefined) return (JSON.parse(manifest) as { type?: unknown }).type === 'module';
    if (folder === dirname(folder)) return false;
  }
}

/** esbuild's messages, with files as the terminal's folder has them: what stands there can be opened from there. */
async function readable(error: unknown, codePath: string): Promise<string> {
  const { errors } = error as { errors?: readonly Message[] };
  if (!Array.isArray(errors)) return messageOf(error);
  const { formatMessages } = await import('esbuild');
  const placed = errors.map(({ location, ...rest }: Message) => ({
    ...rest,
    location: location && { ...location, file: relative(process.cwd(), resolve(codePath, location.file)) },
  }));
  return (await formatMessages(placed, { kind: 'error', color: false })).join('').trimEnd();
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
