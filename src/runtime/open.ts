import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManagedRuntime, type RuntimeOptions } from './managed-runtime.ts';
import { ProcessSandbox } from './sandbox/process/process-sandbox.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { BlankPools } from './starts/blank-pools.ts';
import { CodeCaches } from './starts/code-caches.ts';
import { Launches } from './starts/launches.ts';
import { NodejsFamily } from './starts/nodejs.ts';
import { NodeBinaries } from './starts/nodejs-binaries.ts';
import { NodejsSnapshots } from './starts/nodejs-snapshots.ts';
import { python } from './starts/python.ts';
import { TemplateSnapshots } from './starts/template-snapshots.ts';

/** The runtime that a node makes blank environments of before any function has asked for one: that of its own Node. */
const OWN_RUNTIME = `nodejs${process.versions.node.split('.', 1)[0]}.x`;

/** Opens the execution environments of a node. Starts no process before `blanksAfterMs` or the first reservation. */
export async function openRuntime(options: RuntimeOptions): Promise<ManagedRuntime> {
  const directory = join(options.directory, 'sandboxes');
  rmSync(directory, { recursive: true, force: true });
  const codeCaches = await CodeCaches.open(join(options.directory, 'code-cache'), options.logger);
  const sandbox = options.sandbox ?? openProcessSandbox(options);
  const { clock, random, logger, blanks: size = 2, blanksAfterMs = 500 } = options;
  const blanks = new BlankPools({ sandbox, clock, random, size, directory, doors: () => [] });
  const binaries = new NodeBinaries({ clock, random, logger, directory: options.runtimesDirectory });
  const snapshots = NodejsSnapshots.open({
    clock,
    blanks,
    engine: sandbox.engine,
    directory: join(options.directory, 'snapshots'),
  });
  const templates = new TemplateSnapshots({ sandbox, clock, random, codeCaches, directory, doors: () => [] });
  const launches = new Launches([new NodejsFamily(binaries, snapshots, logger), python(logger, templates)]);
  const own = launches.serves(OWN_RUNTIME) && launches.of(OWN_RUNTIME);
  if (own && !(own instanceof Promise)) blanks.of(own).fill(blanksAfterMs);
  return new ManagedRuntime(options, { codeCaches, launches, blanks });
}

function openProcessSandbox({ clock, logger }: RuntimeOptions): Sandbox {
  const sandbox = ProcessSandbox.open(clock);
  if (sandbox.missing.length > 0) logger.warn('sandbox is weaker: the machine lacks', { missing: sandbox.missing });
  return sandbox;
}
