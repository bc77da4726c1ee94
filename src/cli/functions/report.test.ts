import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeReport, readReport } from './report.ts';

const LINE =
  'REPORT RequestId: 5f0c\tDuration: 12.34 ms\tBilled Duration: 21 ms\tMemory Size: 128 MB\tMax Memory Used: 45 MB\t';

test('a REPORT line is read, cold, restored, warm and failed', () => {
  const warm = { requestId: '5f0c', durationMs: 12.34, billedMs: 21, memoryMb: 128, usedMb: 45 };
  assert.deepEqual(readReport(LINE), warm);
  assert.deepEqual(readReport(`${LINE}Init Duration: 8.12 ms\t`), { ...warm, initMs: 8.12 });
  const restored = `${LINE}Restore Duration: 3.00 ms\tBilled Restore Duration: 3 ms\t`;
  assert.deepEqual(readReport(restored), { ...warm, restoreMs: 3 });
  const traced = `${LINE}\nXRAY TraceId: 1-2-3\tSegmentId: 4\tSampled: true\t\nStatus: timeout`;
  assert.deepEqual(readReport(traced), { ...warm, status: 'timeout' });
});

test('a platform.report is read', () => {
  const metrics = { durationMs: 1.5, billedDurationMs: 2, memorySizeMB: 128, maxMemoryUsedMB: 40, initDurationMs: 9 };
  const line = JSON.stringify({ type: 'platform.report', record: { requestId: 'r', status: 'success', metrics } });
  assert.equal(describeReport(readReport(line)!), '1.5 ms, billed 2 ms, 40 of 128 MB, cold start (init 9.0 ms)');
});

test('other lines are no reports', () => {
  for (const line of ['', 'REPORT nothing', '{"type":"platform.report"', '{"type":"platform.start"}', 'a REPORT ']) {
    assert.equal(readReport(line), undefined, line);
  }
});

test('a report is worded for people', () => {
  const words = (more: string) => describeReport(readReport(LINE + more)!);
  assert.equal(words(''), '12.3 ms, billed 21 ms, 45 of 128 MB, warm');
  assert.match(words('Init Duration: 812.30 ms\t'), /cold start \(init 812 ms\)$/);
  assert.match(words('Restore Duration: 0.42 ms\t'), /restored in 0\.42 ms$/);
  assert.match(words('Status: error\tError Type: Runtime.ExitError'), /warm, error$/);
});
