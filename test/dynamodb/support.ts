import assert from 'node:assert/strict';
import { type CreateTableCommandInput, DynamoDB } from '@aws-sdk/client-dynamodb';
import { TestNode } from '../support/node.ts';

export { eventually } from '../support/eventually.ts';

/** A real node, and the SDK for JavaScript on it. */
export class TablesNode implements AsyncDisposable {
  readonly node: TestNode;
  readonly client: DynamoDB;
  #tables = 0;

  private constructor(node: TestNode) {
    this.node = node;
    this.client = dynamodbClient(node.endpoints.http);
  }

  static async start(dataDirectory?: string): Promise<TablesNode> {
    return new TablesNode(await TestNode.start(dataDirectory === undefined ? {} : { dataDirectory }));
  }

  /** Makes a table on demand of a key like `h:S` or `h:S r:N`. @returns its name */
  async table(
    key = 'h:S',
    more: Partial<CreateTableCommandInput> & { readonly others?: string } = {},
  ): Promise<string> {
    const { others = '', ...rest } = more;
    const attributes = (text: string) =>
      text
        .split(' ')
        .filter((one) => one !== '')
        .map((one) => one.split(':') as [string, 'S' | 'N' | 'B']);
    const TableName = `table-${++this.#tables}`;
    await this.client.createTable({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: attributes(key).map(([AttributeName], at) => ({
        AttributeName,
        KeyType: at === 0 ? 'HASH' : 'RANGE',
      })),
      AttributeDefinitions: attributes(`${key} ${others}`).map(([AttributeName, AttributeType]) => ({
        AttributeName,
        AttributeType,
      })),
      ...rest,
    });
    return TableName;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.node[Symbol.asyncDispose]();
  }
}

export function dynamodbClient(endpoint: string): DynamoDB {
  return new DynamoDB({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
}

/** An error of this name and, where it is given, message: for `assert.rejects`. */
export const named = (name: string, message?: string | RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (typeof message === 'string') assert.equal(error.message, message);
  else if (message) assert.match(error.message, message);
  return true;
};
