import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

const tables = new DynamoDBClient({});
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: 'idempotency' });
const config = new IdempotencyConfig({ eventKeyJmesPath: 'order', payloadValidationJmesPath: 'cents' });

interface Payment {
  readonly order: string;
  readonly cents: number;
  readonly fail?: boolean;
}

/** Counts how often an order was really paid. */
const pay = makeIdempotent(
  async ({ order, cents, fail }: Payment) => {
    const { Attributes } = await tables.send(
      new UpdateItemCommand({
        TableName: 'payments',
        Key: { order: { S: order } },
        UpdateExpression: 'ADD times :one SET cents = :cents',
        ExpressionAttributeValues: { ':one': { N: '1' }, ':cents': { N: String(cents) } },
        ReturnValues: 'ALL_NEW',
      }),
    );
    if (fail) throw new Error('the bank is closed');
    return { order, times: Number(Attributes!.times!.N) };
  },
  { persistenceStore, config },
);

export const handler = async (event: Payment, context: any) => {
  config.registerLambdaContext(context);
  return pay(event);
};
