import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BlankPool } from './blanks.ts';
import { CodeCaches } from './code-caches.ts';
import { ManagedRuntime, type RuntimeOptions } from './managed-runtime.ts';
import { ProcessSandbox } from './process-sandbox.ts';
import type { Sandbox } from './sandbox.ts';

/** Opens the execution environments of a node. Starts no process before `blanksAfterMs` or the first reservation. */
export async function openRuntime(options: RuntimeOptions): Promise<ManagedRuntime> {
  const temporaryRoot = join(options.directory, 'tmp');
  rmSync(temporaryRoot, { recursive: true, force: true });
  const codeCaches = await CodeCaches.open(join(options.directory, 'code-cache'), options.logger);
  const sandbox = options.sandbox ?? openProcessSandbox(options);
  const { clock, random, blanks: size = 2, blanksAfterMs = 500 } = options;
  const command = [process.execPath, bootstrapFile()];
  const environment = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'en_US.UTF-8', TZ: 'UTC' };
  const blanks = new BlankPool({ sandbox, clock, random, size, command, environment, temporaryRoot });
  blanks.fill(blanksAfterMs);
  return new ManagedRuntime(options, codeCaches, blanks);
}

function openProcessSandbox({ clock, logger }: RuntimeOptions): Sandbox {
  const sandbox = ProcessSandbox.open(clock);
  if (sandbox.missing.length > 0) logger.warn('sandbox is weaker: the machine lacks', { missing: sandbox.missing });
  return sandbox;
}

/** `runtimes/` stands beside `src/` in a checkout and beside `dist/` in the package. */
function bootstrapFile(): string {
  return fileURLToPath(new URL('../../runtimes/nodejs/bootstrap.js', import.meta.url));
}
