import { seededRandom } from '../../src/base/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { newTrace } from '../../src/telemetry/index.ts';

/** What an operation is given when a test calls it without the wire. */
export const CONTEXT: OperationContext = {
  requestId: 'r',
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://127.0.0.1:4566',
  signal: new AbortController().signal,
  trace: newTrace(seededRandom(1)),
};
