/**
 * Builds what the published package carries: `dist/` from `src/` by tsc, and `dist/console/` by esbuild. The console's build is
 * the one that a checkout does on its first request, so it lives beside the code that serves it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
compile();
copyTables();
await buildConsole();

function compile() {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status, stdout, stderr } = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}`);
  process.exit(1);
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
