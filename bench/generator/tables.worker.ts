/**
 * A node's part that serves tables, alone in a process: store, service, and a wire that checks signatures. Takes its kind and its
 * folder as arguments, prints its port.
 *
 *     idle   operations that do nothing: what the wire alone costs
 *     store  operations that put and get rows of the bare store: the way there and back besides
 */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { RawJson } from '../../src/codec/aws/index.ts';
import type { Operation, Service } from '../../src/services/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { createWireServer } from '../../src/wire/index.ts';
import { itemOf, KEY } from './table-requests.ts';

export type HouseKind = 'idle' | 'store';

const [kind, directory] = process.argv.slice(2) as [HouseKind, string];
const item = new RawJson(JSON.stringify(itemOf(1)));

function idle(): Service {
  const nothing = () => ({});
  const operations = { PutItem: nothing, UpdateItem: nothing, GetItem: () => ({ Item: item }) };
  return { name: 'dynamodb', errors: {}, operations };
}

function overStore(records: Records): Service {
  const keyOf = ({ device, at }: Record<string, Record<string, string>>) => Buffer.from(`${device!.S}/${at!.N}`);
  const PutItem: Operation = async ({ Item }) => {
    const value = Buffer.from(JSON.stringify(Item));
    await records.commit({ writes: [{ kind: 'put', space: 'items', key: keyOf(Item), value }] });
    return {};
  };
  const GetItem: Operation = async ({ Key }) => {
    const entry = await records.get('items', keyOf(Key));
    return entry ? { Item: RawJson.of(entry.value) } : {};
  };
  return { name: 'dynamodb', errors: {}, operations: { PutItem, GetItem } };
}

const records = await openEmbeddedRecords({ directory: join(directory, 'records') });
const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
const caller = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' };
const wire = createWireServer({
  ...ground,
  services: [kind === 'idle' ? idle() : overStore(records)],
  credentials: { secretFor: () => ({ secret: KEY.secret, caller }) },
  mode: 'secured',
});
const { port } = await wire.listen('127.0.0.1', 0);
process.on('SIGTERM', () => {
  void wire.close(1000).then(() => records[Symbol.asyncDispose]());
});
process.stdout.write(`${JSON.stringify({ port })}\n`);
