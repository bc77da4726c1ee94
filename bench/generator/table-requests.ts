/**
 * Requests to tables as bytes, each signed with SigV4 in advance, so that whoever sends them does nothing but send. A signature is
 * good for five minutes: make them right before.
 */
import { createHash, createHmac } from 'node:crypto';

/** Credentials that the node under test knows. */
export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

export type TableOperation = 'PutItem' | 'UpdateItem' | 'GetItem' | 'Query' | 'BatchWriteItem' | 'DeleteItem';

/** What AWS's JSON protocol wants to be told, signed for a node at `host`. */
export function signedRequest(host: string, operation: string, body: string, key = KEY): Buffer {
  const at = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const target = `DynamoDB_20120810.${operation}`;
  const names = 'content-type;host;x-amz-date;x-amz-target';
  const headers = `content-type:application/x-amz-json-1.0\nhost:${host}\nx-amz-date:${at}\nx-amz-target:${target}\n`;
  const canonical = `POST\n/\n\n${headers}\n${names}\n${sha256(body)}`;
  const scope = `${at.slice(0, 8)}/us-east-1/dynamodb/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`;
  const signature = mac(signingKey(scope, key.secret), text).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return Buffer.from(
    `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-date: ${at}\r\n` +
      `x-amz-target: ${target}\r\nauthorization: ${authorization}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const keys = new Map<string, Buffer>();

function signingKey(scope: string, secret: string): Buffer {
  const name = `${secret} ${scope}`;
  const found = keys.get(name) ?? (scope.split('/').reduce<string | Buffer>(mac, `AWS4${secret}`) as Buffer);
  keys.set(name, found);
  return found;
}

/** Items of one partition are read by queries. */
export const ITEMS_OF_A_PARTITION = 100;

/** Keys of the item with that number: so many in a row share a partition. */
export function keyOf(number: number): Record<string, { S: string } | { N: string }> {
  const partition = Math.floor(number / ITEMS_OF_A_PARTITION);
  return {
    device: { S: `device-${String(partition).padStart(10, '0')}` },
    at: { N: String(number % ITEMS_OF_A_PARTITION) },
  };
}

/** An item of 350 bytes as AWS counts them: keys, a few attributes of a device's message, and what fills it up. */
export function itemOf(number: number): Record<string, unknown> {
  return {
    ...keyOf(number),
    seen: { N: '0' },
    status: { S: 'online' },
    temperature: { N: `${20 + (number % 10)}.5` },
    location: { M: { hall: { S: 'H7' }, row: { N: String(number % 40) } } },
    group: { S: `group-${number % 1000}` },
    payload: { S: 'x'.repeat(PAYLOAD_BYTES) },
  };
}

/** Names and values of the rest make 118 to 122 bytes. */
const PAYLOAD_BYTES = 230;

/** The body of one call on the item (or for a query the partition) with that number. */
export function bodyOf(operation: TableOperation, table: string, number: number): string {
  switch (operation) {
    case 'PutItem':
      return JSON.stringify({ TableName: table, Item: itemOf(number) });
    case 'UpdateItem':
      return JSON.stringify({
        TableName: table,
        Key: keyOf(number),
        UpdateExpression: 'SET seen = seen + :one, #s = :s',
        ConditionExpression: 'attribute_exists(device) AND seen < :max',
        ExpressionAttributeNames: { '#s': 'status' },
        ExpressionAttributeValues: { ':one': { N: '1' }, ':s': { S: 'online' }, ':max': { N: '1000000000' } },
      });
    case 'GetItem':
      return JSON.stringify({ TableName: table, Key: keyOf(number), ConsistentRead: true });
    case 'DeleteItem':
      return JSON.stringify({ TableName: table, Key: keyOf(number) });
    case 'Query':
      return JSON.stringify({
        TableName: table,
        KeyConditionExpression: 'device = :d',
        ExpressionAttributeValues: { ':d': keyOf(number).device },
        Limit: ITEMS_OF_A_PARTITION,
      });
    case 'BatchWriteItem':
      return JSON.stringify({
        RequestItems: {
          [table]: Array.from({ length: 25 }, (_, at) => ({ PutRequest: { Item: itemOf(number * 25 + at) } })),
        },
      });
  }
}
