#!/usr/bin/env node
// Plain JavaScript for any Node: an older one gets one clear line instead of a syntax error.
import { existsSync } from 'node:fs';
import module from 'node:module';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `millrace needs Node 24 or later; this is ${process.version}. Install it from https://nodejs.org, or use: npx -p node@24 -p millrace millrace\n`,
  );
  process.exit(1);
}
module.enableCompileCache?.();

// Whoever reads the output may have read enough: millrace ... | head. A node goes on without its reader.
const isNode = ['start', 'dev', 'demo'].includes(process.argv[2] ?? '');
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  if (!isNode) process.exit(0);
});

// A published package carries dist/; a checkout runs its sources, types stripped.
const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv.slice(2));
