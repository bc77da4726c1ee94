import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Files of the built console by their name: `index.html`, `icon.svg`, `console.js` and `console.css`, a script for each page that is
 * loaded when it is opened, its style sheet under the same name, and what pages share. The hash in a name is of the script: a style sheet
 * may change under its name, so that nothing here is to be kept unasked.
 */
export type ConsoleFiles = ReadonlyMap<string, Uint8Array>;

/**
 * Bundles the console's sources. Takes about 50 ms.
 *
 * @param directory  the repository's `console/`
 */
export async function bundleConsole(directory: string): Promise<ConsoleFiles> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    entryPoints: { console: join(directory, 'src/main.tsx'), [FIRST_STYLES]: join(directory, 'src/console.css') },
    outdir: '/out',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    metafile: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const built = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const files = new Map<string, Uint8Array>([...built].filter(([name]) => name.endsWith('.js')));
  for (const [path, { cssBundle }] of Object.entries(metafile.outputs)) {
    if (cssBundle !== undefined) files.set(styleName(basename(path)), built.get(basename(cssBundle))!);
  }
  // By its script the first page would bring along the style of every page that it can open.
  files.set('console.css', built.get(`${FIRST_STYLES}.css`)!);
  for (const name of ['index.html', 'icon.svg']) files.set(name, await readFile(join(directory, name)));
  return files;
}

/** What the style sheet of the first page is built as: it cannot have the name of the one that goes with the script. */
const FIRST_STYLES = 'first-styles';

/** Where a script finds its style sheet: `console/src/styles.ts` asks for it by this name. */
const styleName = (script: string) => script.replace(/\.js$/, '.css');
