import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { eventually } from '../pollers/fakes.ts';
import { type Node, newQueue, newTopic, openNode, receive } from './support.ts';

let node: Node;

before(async () => {
  node = await openNode();
});

after(() => node[Symbol.asyncDispose]());

const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const number = (StringValue: string) => ({ DataType: 'Number', StringValue });
const array = (...values: unknown[]) => ({ DataType: 'String.Array', StringValue: JSON.stringify(values) });

/** A value as an attribute and as a property of a body. */
const both = (attribute: object, value: unknown) => ({ attribute, value });
type Both = ReturnType<typeof both>;
const asText = (value: string) => both(text(value), value);
const asNumber = (value: string) => both(number(value), Number(value));

/**
 * The examples of the developer guide, page by page: a policy for one property, values that it takes and values that it does
 * not. Each is tried on an attribute and on a property of the body.
 *
 * @see Amazon SNS developer guide, "String value matching", "Numeric value matching", "Key matching", "AND/OR logic"
 */
const PROPERTIES: readonly {
  readonly what: string;
  readonly policy: readonly unknown[];
  readonly yes: readonly Both[];
  readonly no: readonly Both[];
}[] = [
  {
    what: 'string, exact',
    policy: ['rugby', 'tennis'],
    yes: [asText('rugby'), asText('tennis'), both(array('rugby', 'tennis'), ['rugby', 'tennis'])],
    no: [asText('baseball'), both(array('baseball'), ['baseball']), asText('Rugby')],
  },
  {
    what: 'string, anything-but',
    policy: [{ 'anything-but': ['rugby', 'tennis'] }],
    yes: [asText('baseball'), asText('football'), both(array('rugby', 'baseball'), ['rugby', 'baseball'])],
    no: [asText('rugby'), both(array('rugby'), ['rugby'])],
  },
  {
    what: 'string, anything-but with a prefix',
    policy: [{ 'anything-but': { prefix: 'order-' } }],
    yes: [asText('data-entry'), asText('order_number')],
    no: [asText('order-cancelled')],
  },
  {
    what: 'string, anything-but with a suffix',
    policy: [{ 'anything-but': { suffix: 'ball' } }],
    yes: [asText('rugby')],
    no: [asText('baseball')],
  },
  {
    what: 'string, anything-but with a wildcard',
    policy: [{ 'anything-but': { wildcard: '*ball' } }],
    yes: [asText('rugby'), asText('hockey')],
    no: [asText('baseball'), asText('basketball')],
  },
  {
    what: 'string, equals-ignore-case',
    policy: [{ 'equals-ignore-case': 'tennis' }],
    yes: [asText('TENNIS'), asText('Tennis')],
    no: [asText('football'), asText('tennis2')],
  },
  {
    what: 'string, IP address',
    policy: [{ cidr: '10.0.0.0/24' }],
    yes: [asText('10.0.0.0'), asText('10.0.0.255')],
    no: [asText('10.1.1.0'), asText('no address')],
  },
  {
    what: 'string, prefix',
    policy: [{ prefix: 'bas' }],
    yes: [asText('baseball'), asText('basketball')],
    no: [asText('rugby')],
  },
  {
    what: 'string, suffix',
    policy: [{ suffix: 'ball' }],
    yes: [asText('baseball'), asText('basketball')],
    no: [asText('rugby')],
  },
  {
    what: 'string, wildcard',
    policy: [{ wildcard: '*ball' }],
    yes: [asText('baseball'), asText('basketball')],
    no: [asText('rugby')],
  },
  {
    what: 'number, exact',
    policy: [{ numeric: ['=', 301.5] }],
    yes: [asNumber('301.5'), asNumber('3.015e2')],
    no: [asNumber('301'), asText('301.5')],
  },
  {
    what: 'number, anything-but',
    policy: [{ 'anything-but': [100, 500] }],
    yes: [
      asNumber('101'),
      asNumber('100.1'),
      both({ DataType: 'Number.Array', StringValue: '[100, 50]' }, [100, 50]),
      both(array(100, 50), [100, 50]),
    ],
    no: [asNumber('100'), asNumber('500')],
  },
  { what: 'number, below', policy: [{ numeric: ['<', 0] }], yes: [asNumber('-1')], no: [asNumber('0')] },
  {
    what: 'number, range',
    policy: [{ numeric: ['>', 0, '<=', 150] }],
    yes: [asNumber('0.01'), asNumber('150')],
    no: [asNumber('0'), asNumber('150.1')],
  },
  {
    what: 'number, literal, with five digits after the point',
    policy: [100, 0.12345],
    yes: [asNumber('100.0'), asNumber('0.12345')],
    no: [asNumber('0.12346'), asText('100')],
  },
  {
    what: 'true, false and null in an array',
    policy: [true, null],
    yes: [both(array('x', true), ['x', true]), both(array(null), [null])],
    no: [both(array(false), [false]), asText('true'), asText('null')],
  },
  { what: 'key, exists', policy: [{ exists: true }], yes: [asText('x'), asNumber('0')], no: [] },
  { what: 'key, does not exist', policy: [{ exists: false }], yes: [], no: [asText('x')] },
  {
    what: 'key, does not exist or anything-but',
    policy: [{ exists: false }, { 'anything-but': ['rugby'] }],
    yes: [asText('tennis')],
    no: [asText('rugby')],
  },
];

/** Whole policies and messages of the guide. */
const EXAMPLE = {
  customer_interests: array('soccer', 'rugby', 'hockey'),
  store: text('example_corp'),
  event: text('order_placed'),
  price_usd: number('210.75'),
};
const EXAMPLE_BODY = {
  customer_interests: ['soccer', 'rugby', 'hockey'],
  store: 'example_corp',
  event: 'order_placed',
  price_usd: 210.75,
};
const OR = {
  source: ['aws.cloudwatch'],
  $or: [{ metricName: ['CPUUtilization'] }, { namespace: ['AWS/EC2'] }],
};
const OR_OF_ANDS = {
  $or: [
    { metricName: ['CPUUtilization', 'ReadLatency'] },
    { metricType: ['MetricType'], $or: [{ metricId: [1234, 4321] }, { spaceId: [1000, 2000, 3000] }] },
  ],
};

interface Whole {
  readonly what: string;
  readonly policy: object;
  readonly scope?: 'MessageBody';
  readonly yes: readonly object[];
  readonly no: readonly object[];
}

const WHOLE: readonly Whole[] = [
  {
    what: 'the policy that accepts the example message',
    policy: {
      store: ['example_corp'],
      event: [{ 'anything-but': 'order_cancelled' }],
      customer_interests: ['rugby', 'football', 'baseball'],
      price_usd: [{ numeric: ['>=', 100] }],
    },
    yes: [EXAMPLE, { ...EXAMPLE, other: text('ignored') }],
    no: [{ ...EXAMPLE, price_usd: number('99.99') }, {}],
  },
  {
    what: 'the policy that rejects the example message',
    policy: {
      store: ['example_corp'],
      event: ['order_cancelled'],
      encrypted: [false],
      customer_interests: ['basketball', 'baseball'],
    },
    yes: [],
    no: [EXAMPLE],
  },
  {
    what: 'the same on the body',
    policy: {
      store: ['example_corp'],
      event: [{ 'anything-but': 'order_cancelled' }],
      customer_interests: ['rugby', 'football', 'baseball'],
      price_usd: [{ numeric: ['>=', 100] }],
    },
    scope: 'MessageBody',
    yes: [EXAMPLE_BODY],
    no: [{ ...EXAMPLE_BODY, customer_interests: ['tennis'] }],
  },
  {
    what: 'AND over names',
    policy: { customer_interests: ['rugby'], price_usd: [{ numeric: ['>', 100] }] },
    yes: [{ customer_interests: text('rugby'), price_usd: number('101') }],
    no: [{ customer_interests: text('rugby') }, { customer_interests: text('rugby'), price_usd: number('100') }],
  },
  {
    what: 'the standard $or',
    policy: OR,
    yes: [
      { source: text('aws.cloudwatch'), metricName: text('CPUUtilization') },
      { source: text('aws.cloudwatch'), namespace: text('AWS/EC2') },
    ],
    no: [{ source: text('aws.cloudwatch') }, { metricName: text('CPUUtilization') }],
  },
  {
    what: '$or that is no relation, since it has one branch or reserved names, is a name like any other',
    policy: { $or: ['a'] },
    scope: 'MessageBody',
    yes: [{ $or: 'a' }],
    no: [{ a: 'a' }],
  },
  {
    what: '$or within $or, on the body',
    policy: OR_OF_ANDS,
    scope: 'MessageBody',
    yes: [
      { metricName: 'ReadLatency' },
      { metricType: 'MetricType', metricId: 4321 },
      { metricType: 'MetricType', spaceId: 3000 },
    ],
    no: [{ metricType: 'MetricType' }, { metricId: 1234 }],
  },
  {
    what: 'nested properties, and objects in arrays',
    policy: {
      person: { name: ['jane'], address: { city: [{ prefix: 'S' }] } },
      items: { id: [{ numeric: ['>', 1] }] },
    },
    scope: 'MessageBody',
    yes: [{ person: { name: 'jane', address: { city: 'Stuttgart' } }, items: [{ id: 1 }, { id: 2 }] }],
    no: [
      { person: { name: 'jane', address: { city: 'Ulm' } }, items: [{ id: 2 }] },
      { person: { name: 'jane', address: 'S' }, items: [{ id: 2 }] },
    ],
  },
];

/** Messages, sorted, of what a subscription with this policy gets of these messages. */
async function passed(policy: object, scope: string | undefined, messages: readonly object[]): Promise<string[]> {
  const TopicArn = await newTopic(node);
  const queue = await newQueue(node);
  const Attributes = { FilterPolicy: JSON.stringify(policy), ...(scope && { FilterPolicyScope: scope }) };
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn, Attributes });
  for (const message of messages) await node.call('Publish', { TopicArn, ...message });
  await eventually(() => node.delivery.edges().every(({ isIdle }) => isIdle));
  const bodies: string[] = [];
  for (;;) {
    const page = await receive(node, queue.QueueUrl, 0);
    if (page.length === 0) return bodies.toSorted();
    bodies.push(...page.map(({ Body }) => JSON.parse(Body).Message));
  }
}

const isAbsence = (condition: unknown) => (condition as { exists?: boolean } | null)?.exists === false;

for (const { what, policy, yes, no } of PROPERTIES) {
  test(`filter policy: ${what}`, async () => {
    const attributes = (list: readonly Both[], mark: string) =>
      list.map(({ attribute }) => ({ Message: mark, MessageAttributes: { p: attribute } }));
    const absent = policy.some(isAbsence) ? ['absent'] : [];
    const messages = [...attributes(yes, 'yes'), ...attributes(no, 'no'), { Message: 'absent' }];
    assert.deepEqual(await passed({ p: policy }, undefined, messages), [...absent, ...yes.map(() => 'yes')]);
    const bodies = (list: readonly Both[], mark: string) =>
      list.map(({ value }) => ({ Message: JSON.stringify({ mark, p: value }) }));
    const rest = [{ Message: '{"mark":"absent"}' }, { Message: 'no JSON' }, { Message: '[1]' }];
    const seen = await passed({ p: policy }, 'MessageBody', [...bodies(yes, 'yes'), ...bodies(no, 'no'), ...rest]);
    assert.deepEqual(
      seen.map((body) => JSON.parse(body).mark),
      [...absent, ...yes.map(() => 'yes')],
    );
  });
}

for (const { what, policy, scope, yes, no } of WHOLE) {
  test(`filter policy: ${what}`, async () => {
    const message = (one: object, mark: string) =>
      scope ? { Message: JSON.stringify({ mark, ...one }) } : { Message: mark, MessageAttributes: one };
    const messages = [...yes.map((one) => message(one, 'yes')), ...no.map((one) => message(one, 'no'))];
    const seen = await passed(policy, scope, messages);
    const marks = seen.map((body) => (scope ? JSON.parse(body).mark : body));
    assert.deepEqual(
      marks,
      yes.map(() => 'yes'),
    );
  });
}

/** What AWS answers, recorded from it, without the place in the text. */
const REFUSED: readonly (readonly [policy: unknown, reason: string])[] = [
  [{ key: [['value']] }, 'Match value must be String, number, true, false, or null'],
  [{ key: [{ 'wrong-operator': true }] }, 'Unrecognized match type wrong-operator'],
  [{ key: [{ suffix: 'value', prefix: 'value2' }] }, 'Only one key allowed in match expression'],
  [{ key: [{ suffix: 100 }] }, 'suffix match pattern must be a string'],
  [{ key: [{ suffix: null }] }, 'suffix match pattern must be a string'],
  [{ key: [{ suffix: [] }] }, 'suffix match pattern must be a string'],
  [{ key: [{ suffix: ['test', 'test2'] }] }, 'suffix match pattern must be a string'],
  [{ key: { suffix: 'value' } }, '"suffix" must be an object or an array'],
  [{ key: { 'not-an-operator': 'value' } }, '"not-an-operator" must be an object or an array'],
  [{ key: [{ numeric: [] }] }, 'Invalid member in numeric match: ]'],
  [{ key: [{ numeric: ['operator'] }] }, 'Unrecognized numeric range operator: operator'],
  [{ key: [{ numeric: [1, '<='] }] }, 'Invalid member in numeric match: 1'],
  [{ key: [{ numeric: ['=', '000'] }] }, 'Value of equals must be numeric'],
  [{ key: [{ numeric: ['>='] }] }, 'Value of >= must be numeric'],
  [{ key: [{ numeric: ['<', 100, '>', 10] }] }, 'Too many elements in numeric expression'],
  [{ key: [{ numeric: ['>=', 1, '>', 2] }] }, 'Bad numeric range operator: >'],
  [{ key: [{ numeric: ['>', 3, '<', 1] }] }, 'Bottom must be less than top'],
  [{ key: [{ numeric: ['>', 20, '<='] }] }, 'Value of <= must be numeric'],
  [{ key: [{ numeric: ['>', 20, 30] }] }, 'Bad value in numeric range: 30'],
  [{ key: [{ numeric: ['>', 20, 'test'] }] }, 'Bad numeric range operator: test'],
  [{ key: [{ numeric: ['>', '20', '<', '30'] }] }, 'Value of > must be numeric'],
  [{ key: [{ numeric: ['>', 20, '<', '30'] }] }, 'Value of < must be numeric'],
  [{ key: [{ numeric: ['>', 20, '<', 30, '<', 50] }] }, 'Too many terms in numeric range expression'],
  [{ key: [{ exists: null }] }, 'exists match pattern must be either true or false.'],
  [{ key: [{ exists: 'no' }] }, 'exists match pattern must be either true or false.'],
  [{ key: [{ cidr: 1 }] }, 'prefix match pattern must be a string'],
  [{ key: [{ cidr: '10.0.0.0' }] }, "Malformed CIDR, one '/' required"],
  [{ key: [{ cidr: '10.0.0.0/x' }] }, 'Malformed CIDR, mask bits must be an integer'],
  [{ key: [{ cidr: '10.0.0/8' }] }, 'Nonstandard IP address: 10.0.0'],
  [{ key: 'value' }, '"key" must be an object or an array'],
  [{ key: [] }, 'Empty arrays are not allowed'],
  [{ a: ['x'], b: ['x'], c: ['x'], d: ['x'], e: ['x'], f: ['x'] }, 'Filter policy can not have more than 5 keys'],
  [{ a: Array.from({ length: 151 }, (_, i) => `${i}`) }, 'Filter policy is too complex'],
  [{ a: values(12), b: values(13) }, 'Filter policy is too complex'],
  [{ a: values(10), $or: [{ b: values(10) }, { c: values(6) }] }, 'Filter policy is too complex'],
  ['no object', 'failed to parse JSON.'],
];

function values(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}

test('what AWS refuses of filter policies is refused in its words, at Subscribe and later', async () => {
  const TopicArn = await newTopic(node);
  const { arn: Endpoint } = await newQueue(node);
  const subscribe = { TopicArn, Protocol: 'sqs', Endpoint };
  for (const [policy, reason] of REFUSED) {
    const FilterPolicy = JSON.stringify(policy);
    await assert.rejects(node.call('Subscribe', { ...subscribe, Attributes: { FilterPolicy } }), {
      code: 'parameter-invalid',
      message: `Invalid parameter: Attributes Reason: FilterPolicy: ${reason}`,
    });
  }
  const { SubscriptionArn } = await node.call('Subscribe', subscribe);
  const set = (AttributeName: string, AttributeValue: string) =>
    node.call('SetSubscriptionAttributes', { SubscriptionArn, AttributeName, AttributeValue });
  for (const [policy, reason] of REFUSED) {
    await assert.rejects(set('FilterPolicy', JSON.stringify(policy)), {
      message: `Invalid parameter: FilterPolicy: ${reason}`,
    });
  }
  await assert.rejects(set('FilterPolicyScope', 'RandomValue'), {
    message:
      'Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes',
  });
  const nested = { object: { key: [{ prefix: 'auto-' }] } };
  await assert.rejects(set('FilterPolicy', JSON.stringify(nested)), {
    message: 'Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy',
  });
  await set('FilterPolicyScope', 'MessageBody');
  await set('FilterPolicy', JSON.stringify(nested));
  await assert.rejects(set('FilterPolicyScope', 'MessageAttributes'), { code: 'parameter-invalid' });
});

test('the combinations of a policy are counted as the developer guide counts them', async () => {
  const TopicArn = await newTopic(node);
  const accepted: readonly object[] = [
    { key_a: values(3), key_b: values(1), key_c: values(2) },
    // 3 levels x 4 values x 2 levels x 3 values = 72
    { key_a: { key_b: { key_c: values(4) } }, key_d: { key_e: values(3) } },
    { key_a: values(15), key_b: values(10) },
    { key_a: values(10), $or: [{ key_b: values(10) }, { key_c: values(5) }] },
    // Keys below the first level do not count.
    { a: { b: values(1), c: values(1), d: values(1), e: values(1), f: values(1), g: values(1) } },
  ];
  for (const policy of accepted) {
    const { arn: Endpoint } = await newQueue(node);
    const Attributes = { FilterPolicyScope: 'MessageBody', FilterPolicy: JSON.stringify(policy) };
    await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes });
  }
  const { arn: Endpoint } = await newQueue(node);
  const tooMuch = { key_a: { key_b: { key_c: values(7) } }, key_d: { key_e: values(4) } };
  const Attributes = { FilterPolicyScope: 'MessageBody', FilterPolicy: JSON.stringify(tooMuch) };
  await assert.rejects(node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes }), /too complex/);
  const FilterPolicy = JSON.stringify({ key_a: [{ 'anything-but': { prefix: values(151) } }] });
  await assert.rejects(
    node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes: { ...Attributes, FilterPolicy } }),
    /too complex/,
  );
});

test('what is filtered out is counted, by its reason', async () => {
  await using counting = await openNode();
  const TopicArn = await newTopic(counting);
  const on = async (Attributes: Record<string, string>) => {
    const { arn: Endpoint } = await newQueue(counting);
    await counting.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes });
  };
  await on({ FilterPolicy: '{"a":["x"]}' });
  await on({ FilterPolicy: '{"a":["x"]}', FilterPolicyScope: 'MessageBody' });
  const publish = (Message: string, MessageAttributes?: object) =>
    counting.call('Publish', { TopicArn, Message, ...(MessageAttributes && { MessageAttributes }) });
  await publish('no JSON');
  await publish('{"a":"y"}', { a: text('y') });
  await publish('{"a":"x"}', { a: { DataType: 'String.Array', StringValue: 'no array' } });
  const of = (name: string) => counting.counted(`NumberOfNotificationsFilteredOut${name}`);
  assert.equal(of('-NoMessageAttributes'), 1);
  assert.equal(of('-InvalidMessageBody'), 1);
  assert.equal(of('-MessageAttributes'), 1);
  assert.equal(of('-MessageBody'), 1);
  assert.equal(of('-InvalidAttributes'), 1);
  assert.equal(of(''), 5);
  assert.equal(counting.counted('NumberOfMessagesPublished'), 3);
  await eventually(() => counting.counted('NumberOfNotificationsDelivered') === 1);
});

test('any text is a filter policy or is refused by code, and any message is decided on', async () => {
  const TopicArn = await newTopic(node);
  const { arn: Endpoint } = await newQueue(node);
  const { SubscriptionArn } = await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint });
  const operator = fc.constantFrom('prefix', 'suffix', 'anything-but', 'numeric', 'cidr', 'exists', 'wildcard', 'x');
  const leaf = fc.array(fc.oneof(fc.jsonValue(), fc.dictionary(operator, fc.jsonValue())), { maxLength: 4 });
  const key = fc.oneof(fc.constantFrom('$or', '__proto__', 'constructor', 'a'), fc.string());
  const policy = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(key, leaf).map((one) => JSON.stringify(one)),
  );
  const scope = fc.constantFrom('MessageBody', 'MessageAttributes');
  const refusal = (error: { code?: string }) => assert.equal(error.code, 'parameter-invalid');
  const property = fc.asyncProperty(policy, scope, fc.json(), async (AttributeValue, FilterPolicyScope, Message) => {
    const set = (AttributeName: string, value: string) =>
      node.call('SetSubscriptionAttributes', { SubscriptionArn, AttributeName, AttributeValue: value });
    await set('FilterPolicy', '');
    await set('FilterPolicyScope', FilterPolicyScope);
    await set('FilterPolicy', AttributeValue).catch(refusal);
    const MessageAttributes = { a: { DataType: 'String.Array', StringValue: Message } };
    await node.call('Publish', { TopicArn, Message, MessageAttributes });
  });
  await fc.assert(property, { numRuns: 200 });
});

test('a hostile policy and a hostile message cost no more than their size', async () => {
  const wildcard = { a: [{ wildcard: `${'*a'.repeat(60_000)}*b` }] };
  const deep = `${'{"a":'.repeat(20_000)}["x"]${'}'.repeat(20_000)}`;
  const started = performance.now();
  assert.deepEqual(
    await passed(wildcard, 'MessageBody', [{ Message: JSON.stringify({ a: 'a'.repeat(200_000) }) }]),
    [],
  );
  assert.deepEqual(await passed({ a: { b: ['x'] } }, 'MessageBody', [{ Message: deep }]), []);
  const arrays = `{"a":${'['.repeat(60_000)}"x"${']'.repeat(60_000)}}`;
  assert.equal((await passed({ a: ['x'] }, 'MessageBody', [{ Message: arrays }])).length, 1);
  assert.ok(performance.now() - started < 5000);
  const TopicArn = await newTopic(node);
  const { arn: Endpoint } = await newQueue(node);
  const Attributes = { FilterPolicyScope: 'MessageBody', FilterPolicy: deep };
  await assert.rejects(node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes }), {
    code: 'parameter-invalid',
  });
});
