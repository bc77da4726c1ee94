import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import type { FunctionSpec } from '../runtime.ts';
import { billedMs, EnvironmentLog, initReportLine, logStreamName, reportLine } from './report.ts';

const TRACE = { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', sampled: false };
const METERING = { durationMs: 1.234, billedMs: 2, memoryUsedMb: 64, start: 'warm' } as const;
const SPEC = { arn: 'arn:aws:lambda:eu-west-1:000000000000:function:f', logGroup: 'g' } as FunctionSpec;

test('REPORT is the line that AWS prints', () => {
  assert.equal(
    reportLine('id', 128, METERING, TRACE),
    'REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t',
  );
  assert.equal(
    reportLine(
      'id',
      128,
      { ...METERING, initMs: 100, start: 'cold' },
      { ...TRACE, sampled: true },
      { status: 'timeout' },
    ),
    'REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t' +
      'Init Duration: 100.00 ms\t\nXRAY TraceId: 1-01234567-89abcdef0123456789abcdef\tSegmentId: 0123456789abcdef\tSampled: true\t\n' +
      'Status: timeout',
  );
  assert.equal(
    reportLine('id', 128, { ...METERING, restoreMs: 41.2, billedMs: 44, start: 'restored' }, TRACE),
    'REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 44 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t' +
      'Restore Duration: 41.20 ms\tBilled Restore Duration: 42 ms\t',
  );
  assert.equal(
    initReportLine(9.5, 'init', { status: 'error', errorType: 'Runtime.ImportModuleError' }),
    'INIT_REPORT Init Duration: 9.50 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError',
  );
});

test('init is billed with the duration, a restore beside it', () => {
  assert.equal(billedMs({ durationMs: 0.2 }), 1);
  assert.equal(billedMs({ durationMs: 250.06, initMs: 99.6 }), 350);
  assert.equal(billedMs({ durationMs: 26.3, restoreMs: 116.2 }), 144);
});

test('the stream is named after day and version', () => {
  assert.equal(logStreamName(Date.UTC(2026, 10, 21), '7', 'ab'), '2026/11/21/[7]ab');
});

test('the tail holds the last 4 KB since it was taken, cut at the front', () => {
  const written: unknown[] = [];
  const log = new EnvironmentLog({ write: (...line) => written.push(line) }, new SimulatedClock(), SPEC, 's');
  log.write('first');
  assert.equal(log.takeTail(), 'first\n');
  for (let i = 0; i < 1000; i++) log.write(`line ${i}`);
  const tail = log.takeTail();
  assert.equal(Buffer.byteLength(tail), 4096);
  assert.ok(tail.endsWith('line 998\nline 999\n'));
  log.write('x'.repeat(10_000));
  assert.equal(log.takeTail().length, 4096);
  assert.equal(written.length, 1002);
  assert.deepEqual(written[0], ['g', 's', Date.UTC(2026, 0, 1), 'first', 'eu-west-1']);
});
