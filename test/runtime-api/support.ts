import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemRandom, uuid } from '../../src/base/index.ts';
import type { FunctionSpec, Invocation, InvocationResult } from '../../src/runtime/index.ts';
import { newTrace } from '../../src/telemetry/index.ts';
import { ENGINES } from '../lambda/engines.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';

/** A test that needs nothing but the engine. */
export const ALWAYS = { skip: false } as const;

/** Whether a program is there: proofs in its language are skipped by name where it is not. */
export const has = (program: string): { readonly skip: string | false } => ({
  skip: spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? false : `needs ${program}`,
});

/** Where functions see their code and layers: as on Lambda, where the engine can show it to them. */
export interface Engine {
  readonly name: 'process' | 'namespace';
  open(): Promise<RuntimeHouse>;
  rootOf(spec: FunctionSpec): string;
}

/** Runs a test on every engine that this machine has; on the others it is skipped by name, as where it needs what is not there. */
export function onEngines(
  name: string,
  { skip: lacking }: { readonly skip: string | false },
  run: (engine: Engine) => Promise<void>,
): void {
  for (const { engine, skip } of ENGINES) {
    test(`${engine}: ${name}`, { skip: lacking || skip }, () =>
      run({
        name: engine,
        open: () => RuntimeHouse.open({ engine }),
        rootOf: ({ codeDirectory }) => (engine === 'namespace' ? '/var/task' : codeDirectory),
      }),
    );
  }
}

/** The runtime in C, compiled: bytes of the program. */
export function compileBootstrap(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bootstrap-'));
  const source = join(import.meta.dirname, 'bootstrap.c');
  const { status, stderr } = spawnSync('cc', ['-O1', '-D_GNU_SOURCE', '-o', join(folder, 'bootstrap'), source]);
  if (status !== 0) throw new Error(`cc: ${stderr}`);
  const program = readFileSync(join(folder, 'bootstrap'));
  rmSync(folder, { recursive: true });
  return program;
}

/** A function with a runtime of its own. */
export function provided(
  house: RuntimeHouse,
  bootstrap: string | Buffer,
  more: Partial<FunctionSpec> = {},
): FunctionSpec {
  const spec = house.spec(bootstrap, { runtime: 'provided.al2023', handler: 'a.handler', ...more }, 'bootstrap');
  chmodSync(join(spec.codeDirectory, 'bootstrap'), 0o755);
  return spec;
}

/** A layer with these files; those with a `#!` or in `extensions/` are executable. */
export function layer(house: RuntimeHouse, name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(house.directory, 'layers', name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: content.startsWith('#!') ? 0o755 : 0o644 });
  }
  return folder;
}

/** Invokes with all that an invocation may carry. */
export async function invokeWith(
  house: RuntimeHouse,
  spec: FunctionSpec,
  event: unknown,
  more: Partial<Invocation> = {},
): Promise<InvocationResult & { readonly text: string; readonly requestId: string }> {
  using slot = await house.runtime.reserve(spec, { wait: true });
  const requestId = uuid(systemRandom);
  const payload = Buffer.from(JSON.stringify(event));
  const result = await slot.invoke({ requestId, payload, trace: newTrace(systemRandom, false), ...more });
  return { ...result, requestId, text: Buffer.from(result.payload).toString() };
}

/** A response stream that keeps what it is given. */
export function collector() {
  const chunks: string[] = [];
  let contentType = '';
  return {
    chunks,
    get contentType() {
      return contentType;
    },
    start: (type: string) => {
      contentType = type;
    },
    write: (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk).toString()),
  };
}
