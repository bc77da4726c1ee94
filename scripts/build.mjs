/**
 * Builds what the published package carries: `dist/`, the command and its workers as few modules by esbuild, and `dist/console/`.
 * A start resolved and opened a thousand small modules before; bundled it takes two thirds of the time (record 0100). The console's
 * build is the one that a checkout does on its first request, so it lives beside the code that serves it.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');
const dist = join(root, 'dist');

/** Modules find data, workers and their neighbours from `import.meta.url`: in a chunk it says what it would in a file of their own. */
const modulesAtTheirPlaces = {
  name: 'modules-at-their-places',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^millrace:place$/ }, ({ path }) => ({ path, namespace: 'place' }));
    // An entry of its own that others import too: always in a chunk, one folder below `dist/`.
    onLoad({ filter: /./, namespace: 'place' }, () => ({
      contents: `
        import { pathToFileURL } from 'node:url';
        export const place = new URL('..', pathToFileURL(import.meta.filename));`,
    }));
    onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
      const contents = readFileSync(path, 'utf8');
      if (!path.startsWith(src) || !contents.includes('import.meta.url')) return undefined;
      const module = `./${relative(src, path).replace(/\.ts$/, '.js')}`;
      const header = `import { place } from 'millrace:place'; const moduleUrl = new URL('${module}', place).href;`;
      return { contents: `${header} ${contents}`, loader: 'ts', resolveDir: join(path, '..') };
    });
  },
};

rmSync(dist, { recursive: true, force: true });
await bundle();
copyTables();
await buildConsole();

async function bundle() {
  // Workers are started by the URL of a module beside the one that starts them, so each keeps its place.
  const workers = globSync('**/*.worker.ts', { cwd: src }).map((path) => [path.replace(/\.ts$/, ''), join(src, path)]);
  await build({
    entryPoints: { main: join(src, 'cli/main.ts'), place: 'millrace:place', ...Object.fromEntries(workers) },
    outdir: dist,
    chunkNames: 'chunks/[hash]',
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node24', packages: 'external' },
    // Lines of stack traces, for who runs node with --enable-source-maps; the sources are in the repository.
    ...{ sourcemap: true, sourcesContent: false },
    define: { 'import.meta.url': 'moduleUrl' },
    plugins: [modulesAtTheirPlaces],
    logLevel: 'warning',
  });
}

/** Data that code reads at run time and tsc does not carry over. */
function copyTables() {
  const tables = join(root, 'src/schemas/tables');
  if (existsSync(tables)) cpSync(tables, join(dist, 'schemas/tables'), { recursive: true });
  const policies = 'services/iam/aws-managed-policies.json';
  cpSync(join(root, 'src', policies), join(dist, policies));
}

async function buildConsole() {
  const { bundleConsole } = await import('../src/gateway/console/bundle.ts');
  const files = await bundleConsole(join(root, 'console'));
  const target = join(dist, 'console');
  mkdirSync(target, { recursive: true });
  let raw = 0;
  let gzipped = 0;
  for (const [name, content] of files) {
    writeFileSync(join(target, name), content);
    raw += content.byteLength;
    gzipped += gzipSync(content, { level: 9 }).byteLength;
  }
  const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
  process.stderr.write(
    `built ${relative(root, dist)}/; the console is ${kilobytes(raw)}, ${kilobytes(gzipped)} gzipped\n`,
  );
}
