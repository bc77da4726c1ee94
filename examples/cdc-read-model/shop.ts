/**
 * Places orders, ships and cancels some, and waits until the read model says so.
 *
 *     node examples/cdc-read-model/shop.ts [ENDPOINT] [ORDERS]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { byTotal, type Order, type Totals } from './src/order.ts';

const CUSTOMERS = ['ada', 'grace', 'edsger', 'barbara'];
const PATIENCE_MS = 30_000;

const [endpoint = 'http://127.0.0.1:4566', count = '200'] = process.argv.slice(2);
const options = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'shop', secretAccessKey: 'shop' } };

/** What the template of a stack gives out. */
async function outputs(StackName: string): Promise<Readonly<Record<string, string>>> {
  const { Stacks } = await new CloudFormation(options).describeStacks({ StackName });
  return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

const { OrdersTable: TableName, TotalsUrl } = await outputs('cdc-read-model');
const orders = DynamoDBDocument.from(new DynamoDB(options));

/** Every fifth order is cancelled, every second of the others shipped. */
async function place(n: number): Promise<Order> {
  const order: Order = {
    customer: CUSTOMERS[n % CUSTOMERS.length]!,
    order: `order-${String(n).padStart(5, '0')}`,
    cents: 500 + ((n * 37) % 2000),
    status: 'placed',
  };
  await orders.put({ TableName, Item: order });
  const status = n % 5 === 0 ? 'cancelled' : n % 2 === 0 ? 'shipped' : 'placed';
  if (status === 'placed') return order;
  await orders.update({
    TableName,
    Key: { customer: order.customer, order: order.order },
    UpdateExpression: 'SET #status = :status',
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: { ':status': status },
  });
  return { ...order, status };
}

/** What the read model must come to. */
function expected(placed: readonly Order[]): readonly Totals[] {
  const totals = CUSTOMERS.map((customer) => {
    const kept = placed.filter((order) => order.customer === customer && order.status !== 'cancelled');
    const cents = kept.reduce((sum, order) => sum + order.cents, 0);
    return { customer, orders: kept.length, cents, shipped: kept.filter(({ status }) => status === 'shipped').length };
  });
  return totals.sort(byTotal);
}

/** Names under `localhost` are this machine, which not every resolver knows: the path leads to the same function. */
function urlOf(functionUrl: string, path: string): string {
  const { hostname, pathname } = new URL(functionUrl);
  const [id] = hostname.split('.');
  return hostname.endsWith('.localhost')
    ? `${endpoint}/_lambda/urls/${id}${path}`
    : functionUrl.slice(0, -pathname.length) + pathname.slice(0, -1) + path;
}

const text = (totals: readonly Totals[]) =>
  JSON.stringify(totals.map(({ customer, orders, cents, shipped }) => [customer, orders, cents, shipped]));

const before = performance.now();
const placed = await Promise.all(Array.from({ length: Number(count) }, (_, n) => place(n)));
const written = performance.now();
console.log(`${placed.length} orders placed, shipped and cancelled in ${Math.round(written - before)} ms`);

const want = expected(placed);
let totals: readonly Totals[] = [];
while (text(totals) !== text(want)) {
  if (performance.now() - written > PATIENCE_MS)
    throw new Error(`the read model says ${text(totals)}, not ${text(want)}`);
  await sleep(10);
  totals = (await (await fetch(urlOf(TotalsUrl!, '/customers'))).json()) as readonly Totals[];
}
console.log(`the read model has them all ${Math.round(performance.now() - written)} ms after the last write\n`);
console.log('customer   orders  shipped      total');
for (const { customer, orders, shipped, cents } of totals) {
  const total = `$${(cents / 100).toFixed(2)}`;
  console.log(
    `${customer.padEnd(9)} ${String(orders).padStart(7)} ${String(shipped).padStart(8)} ${total.padStart(10)}`,
  );
}
console.log(`\nask it yourself: curl ${TotalsUrl}customers/ada`);
