/**
 * Many cold starts, in bursts of changing size, so that they find blank environments, sandboxes that stand, and nothing; with payloads
 * that travel with the code, and that do not. Every answer is looked at, and none may take long:
 *
 *   npm run soak:starts                                 5,000 starts in the strongest engine
 *   npm run soak:starts -- --starts 500 --engine process --seed 7
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/base/index.ts';
import type { FunctionSpec, SandboxEngine } from '../../src/runtime/index.ts';
import { RuntimeHouse } from './runtime-house.ts';

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '5000' },
    engine: { type: 'string', default: 'auto' },
    seed: { type: 'string', default: '1' },
  },
});
const starts = Number(values.starts);
const random = seededRandom(Number(values.seed));
const upTo = (count: number) => random.bytes(4).readUInt32LE() % count;

/** As long as one may take on a machine that has other work; far below the timeout, which is what a start that hangs runs into. */
const SLOW_MS = 20_000;
const TIMEOUT_MS = 60_000;
const BURST_MAX = 12;
/** With the code, in a frame of its own, and larger than what a socket holds. */
const PAYLOADS = [10, 20_000, 1_000_000];
const PROGRESS_EVERY = 250;
const HANDLER = `
exports.handler = async (event) => { console.log('started', event.n); return { n: event.n, length: event.text.length }; };`;

await using house = await RuntimeHouse.open({
  engine: values.engine as SandboxEngine | 'auto',
  blanks: 3,
  blanksAfterMs: 0,
});
const functions: readonly FunctionSpec[] = [128, 256, 1024].map((memoryMb) =>
  house.spec(HANDLER, { memoryMb, timeoutMs: TIMEOUT_MS }),
);
const took: number[] = [];
let failures = 0;

for (let done = 0; done < starts; ) {
  const burst = Math.min(1 + upTo(BURST_MAX), starts - done);
  const spec = functions[upTo(functions.length)]!;
  await Promise.all(Array.from({ length: burst }, (_, index) => start(spec, done + index)));
  house.runtime.retire(spec.arn);
  house.lines.length = 0;
  if (Math.floor((done + burst) / PROGRESS_EVERY) > Math.floor(done / PROGRESS_EVERY)) report(done + burst);
  done += burst;
}
report(starts);
process.exitCode = failures > 0 ? 1 : 0;

async function start(spec: FunctionSpec, n: number): Promise<void> {
  const length = PAYLOADS[upTo(PAYLOADS.length)]!;
  const begun = performance.now();
  const { kind, value } = await house.invoke(spec, { n, text: 'x'.repeat(length) });
  const ms = performance.now() - begun;
  took.push(ms);
  if (kind === 'success' && value.n === n && value.length === length && ms < SLOW_MS) return;
  failures++;
  process.stdout.write(
    `start ${n} with ${length} bytes, ${Math.round(ms)} ms: ${JSON.stringify(value).slice(0, 500)}\n`,
  );
  for (const line of house.lines.slice(-20)) process.stdout.write(`  ${line.slice(0, 300)}\n`);
}

function report(done: number): void {
  const sorted = took.toSorted((a, b) => a - b);
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!.toFixed(1);
  const times = [0.5, 0.99, 1].map((q) => `p${q * 100} ${quantile(q)} ms`).join(', ');
  process.stdout.write(`${done} of ${starts} in ${house.runtime.engine}: ${failures} failures, ${times}\n`);
}
