import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { byTotal, type Totals } from './order.ts';

/** The parts of a function URL's event that we use. */
interface UrlEvent {
  readonly rawPath: string;
  readonly requestContext: { readonly http: { readonly method: string } };
}

const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.TOTALS_TABLE;
/** The number of the last change is of no use to a reader, and too long for a number of JavaScript. */
const Projection = {
  ProjectionExpression: 'customer, #orders, cents, shipped',
  ExpressionAttributeNames: { '#orders': 'orders' },
};

/** `GET /customers` and `GET /customers/NAME`. */
export async function handler({ rawPath, requestContext }: UrlEvent) {
  if (requestContext.http.method !== 'GET') return answer(405, { message: 'Only GET is answered here.' });
  const [, collection, name, ...rest] = rawPath.split('/').map(decodeURIComponent);
  if (collection !== 'customers' || rest.length > 0) return answer(404, { message: `There is no ${rawPath}.` });
  if (!name) return answer(200, await everyone());
  const { Item } = await tables.send(new GetCommand({ TableName, Key: { customer: name }, ...Projection }));
  return Item ? answer(200, Item as Totals) : answer(404, { message: `${name} has ordered nothing.` });
}

async function everyone(): Promise<readonly Totals[]> {
  const { Items = [] } = await tables.send(new ScanCommand({ TableName, ...Projection }));
  return (Items as Totals[]).sort(byTotal);
}

function answer(statusCode: number, body: unknown) {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
