import { access, readFile } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import type { BuildOptions } from 'esbuild';
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

/**
 * Bundles a function with esbuild: source maps on, minifying off, a module or CommonJS as its nearest `package.json` says, unless
 * its `Metadata` asks otherwise.
 *
 * @throws CommandError  with esbuild's own messages, each with file, line and column
 */
export async function bundle(fn: LocalFunction, entry: string): Promise<readonly ArchiveEntry[]> {
  // Loaded here: it costs 20 ms that commands without a bundle do not owe.
  const { build } = await import('esbuild');
  const properties = (fn.metadata.BuildProperties ?? {}) as BuildProperties;
  const format = properties.Format ?? ((await isModule(entry)) ? 'esm' : 'cjs');
  try {
    const { outputFiles } = await build(buildOptions(fn, entry, properties, format));
    return outputFiles!.map(({ path, contents }) => ({
      path: relative(outputRoot(fn), path).replaceAll('\\', '/'),
      content: contents,
    }));
  } catch (error) {
    throw new CommandError(`${fn.logicalId} cannot be bundled:\n${await readable(error)}`, { cause: error });
  }
}

/** Nothing is written there; it only gives output files their paths. */
const outputRoot = (fn: LocalFunction) => join(fn.codePath, '.millrace-out');

function buildOptions(
  fn: LocalFunction,
  entry: string,
  properties: BuildProperties,
  format: 'cjs' | 'esm',
): BuildOptions {
  const { MainFields: mainFields, External: external } = properties;
  const banner = bannerOf(properties);
  return {
    absWorkingDir: fn.codePath,
    entryPoints: (properties.EntryPoints ?? [relative(fn.codePath, entry)]).map((path) => join(fn.codePath, path)),
    outdir: outputRoot(fn),
    outbase: fn.codePath,
    outExtension: pairs(properties.OutExtension, format === 'esm' ? { '.js': '.mjs' } : {}),
    bundle: true,
    write: false,
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
export async function isModule(file: string): Promise<boolean> {
  const ending = extname(file);
  if (ending === '.mts' || ending === '.mjs') return true;
  if (ending === '.cts' || ending === '.cjs') return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest !== undefined) return (JSON.parse(manifest) as { type?: unknown }).type === 'module';
    if (folder === dirname(folder)) return false;
  }
}

async function readable(error: unknown): Promise<string> {
  const { errors } = error as { errors?: readonly unknown[] };
  if (!Array.isArray(errors)) return messageOf(error);
  const { formatMessages } = await import('esbuild');
  return (await formatMessages(errors, { kind: 'error', color: false })).join('').trimEnd();
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
