import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, NumberValue, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { deltaOf, type Order, sumOf } from './order.ts';

/** The parts of Lambda's DynamoDB event that we use, as AWS documents it. */
interface StreamEvent {
  readonly Records: readonly {
    readonly dynamodb: {
      readonly Keys: Record<string, AttributeValue>;
      readonly NewImage?: Record<string, AttributeValue>;
      readonly OldImage?: Record<string, AttributeValue>;
      readonly SequenceNumber: string;
    };
  }[];
}

type Change = StreamEvent['Records'][number]['dynamodb'];

const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}), { unmarshallOptions: { wrapNumbers: true } });
const TableName = process.env.TOTALS_TABLE;

/** Applies a batch of changes, customers side by side; from the first change that fails on they come again. */
export async function handler({ Records }: StreamEvent) {
  const changes = Records.map(({ dynamodb }) => dynamodb);
  const customers = Map.groupBy(changes, ({ Keys }) => unmarshall(Keys).customer as string);
  const failed: Change[] = [];
  const applying = [...customers].map(([customer, own]) =>
    apply(customer, own).catch((error: unknown) => {
      console.error(JSON.stringify({ customer, error: String(error) }));
      failed.push(own[0]!);
    }),
  );
  await Promise.all(applying);
  const first = changes.find((change) => failed.includes(change));
  return { batchItemFailures: first ? [{ itemIdentifier: first.SequenceNumber }] : [] };
}

/**
 * Changes come at least once, and those of a customer in order: the totals remember the last one that is in them, and take none twice.
 * Sequence numbers are longer than a number of JavaScript holds; a table counts 38 digits.
 */
async function apply(customer: string, changes: readonly Change[]): Promise<void> {
  const Key = { customer };
  const { Item } = await tables.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
  const last = BigInt(Item?.lastChange.value ?? 0);
  const fresh = changes.filter(({ SequenceNumber }) => BigInt(SequenceNumber) > last);
  if (fresh.length === 0) return;
  const { orders, cents, shipped } = sumOf(
    fresh.map(({ OldImage, NewImage }) => deltaOf(orderOf(OldImage), orderOf(NewImage))),
  );
  const update = new UpdateCommand({
    TableName,
    Key,
    UpdateExpression: 'ADD orders :orders, cents :cents, shipped :shipped SET lastChange = :change',
    // Who has done the same batch meanwhile makes this fail: it comes again, and then there is nothing fresh in it.
    ConditionExpression: Item ? 'lastChange = :last' : 'attribute_not_exists(lastChange)',
    ExpressionAttributeValues: {
      ':orders': orders,
      ':cents': cents,
      ':shipped': shipped,
      ':change': NumberValue.from(fresh.at(-1)!.SequenceNumber),
      ...(Item && { ':last': Item.lastChange }),
    },
  });
  await tables.send(update);
}

function orderOf(image: Record<string, AttributeValue> | undefined): Order | undefined {
  return image && (unmarshall(image) as Order);
}
