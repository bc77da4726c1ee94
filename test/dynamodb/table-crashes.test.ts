import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DynamoDB } from '@aws-sdk/client-dynamodb';
import { type Random, seededRandom } from '../../src/base/index.ts';
import { eventually, TablesNode } from './support.ts';

const ITEMS = 1_000;
const TableName = 'table-1';

/** All items of a table or index, by key. */
async function read(client: DynamoDB, name: string, IndexName?: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let ExclusiveStartKey: any; ; ) {
    const page = await client.scan({
      TableName: name,
      ...(IndexName && { IndexName }),
      ...(ExclusiveStartKey && { ExclusiveStartKey }),
    });
    for (const { h, g } of page.Items!) found.set(h!.S!, g?.S ?? '');
    ExclusiveStartKey = page.LastEvaluatedKey;
    if (!ExclusiveStartKey) return found;
  }
}

const active = (client: DynamoDB, name: string) =>
  eventually(
    () => client.describeTable({ TableName: name }),
    ({ Table }) =>
      Table?.TableStatus === 'ACTIVE' &&
      (Table.GlobalSecondaryIndexes ?? []).every(({ IndexStatus }) => IndexStatus === 'ACTIVE'),
  );

/** Changes items until the node is gone. What a change that was not answered did is found out when it is back. */
async function race(client: DynamoDB, random: Random, model: Map<string, string>, unknown: Map<string, string>) {
  for (;;) {
    const h = `item-${Math.floor(random.next() * ITEMS)}`;
    if (unknown.has(h)) continue;
    const g = `g${Math.floor(random.next() * 10)}`;
    unknown.set(h, g);
    try {
      await client.putItem({ TableName, Item: { h: { S: h }, g: { S: g } } });
    } catch {
      return;
    }
    model.set(h, g);
    unknown.delete(h);
  }
}

function settle(model: Map<string, string>, unknown: Map<string, string>, found: ReadonlyMap<string, string>): void {
  for (const [h, g] of unknown) if (found.get(h) === g) model.set(h, g);
  unknown.clear();
  assert.deepEqual(new Map([...found].sort()), new Map([...model].sort()));
}

test('a node that is killed while it builds an index, copies a backup and deletes what expired goes on with all three', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tables-'));
  const random = seededRandom(7);
  const model = new Map<string, string>();
  const unknown = new Map<string, string>();
  const backups: { readonly arn: string }[] = [];
  let node = await TablesNode.start(directory);
  try {
    await node.table('h:S');
    for (let at = 0; at < ITEMS; at++) model.set(`item-${at}`, 'g0');
    const past = `${Math.floor(Date.now() / 1000) - 60}`;
    await Promise.all(
      [...model].map(([h, g]) => node.client.putItem({ TableName, Item: { h: { S: h }, g: { S: g } } })),
    );
    await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        node.client.putItem({ TableName, Item: { h: { S: `expired-${at}` }, until: { N: past } } }),
      ),
    );
    await node.client.updateContinuousBackups({
      TableName,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
    for (let round = 0; round < 2; round++) {
      const writers = Array.from({ length: 4 }, () => race(node.client, random, model, unknown));
      await node.client.updateTable({
        TableName,
        AttributeDefinitions: [{ AttributeName: 'g', AttributeType: 'S' }],
        GlobalSecondaryIndexUpdates: [
          {
            Create: {
              IndexName: `by-g-${round}`,
              KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
              Projection: { ProjectionType: 'ALL' },
            },
          },
        ],
      });
      const { BackupDetails } = await node.client.createBackup({ TableName, BackupName: `round-${round}` });
      backups.push({ arn: BackupDetails!.BackupArn! });
      if (round === 0) {
        await node.client.updateTimeToLive({
          TableName,
          TimeToLiveSpecification: { AttributeName: 'until', Enabled: true },
        });
      }
      // The copy of the backup has hardly begun in one round, the index is half built in the other.
      if (round === 1) await node.client.describeTable({ TableName });
      process.kill(node.node.pid, 'SIGKILL');
      await Promise.all(writers);
      node.client.destroy();
      await node.node[Symbol.asyncDispose]().catch(() => {});
      node = await TablesNode.start(directory);
      const { client } = node;
      await active(client, TableName);
      const found = await eventually(
        () => read(client, TableName),
        (items) => ![...items.keys()].some((h) => h.startsWith('expired')),
      );
      settle(model, unknown, found);
      for (let built = 0; built <= round; built++) {
        assert.deepEqual(
          new Map([...(await read(client, TableName, `by-g-${built}`))].sort()),
          new Map([...model].sort()),
          `index ${built} after round ${round}`,
        );
      }
    }
    const { client } = node;
    for (const [at, { arn: BackupArn }] of backups.entries()) {
      await eventually(
        () => client.describeBackup({ BackupArn }),
        ({ BackupDescription }) => BackupDescription?.BackupDetails?.BackupStatus === 'AVAILABLE',
      );
      await client.restoreTableFromBackup({ BackupArn, TargetTableName: `restored-${at}` });
      await active(client, `restored-${at}`);
      const items = [...(await read(client, `restored-${at}`)).keys()].filter((h) => h.startsWith('item'));
      assert.equal(items.length, ITEMS, 'a backup holds every item once');
    }
  } finally {
    await node[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
});
