import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newQueue, newTopic, openNode } from './support.ts';

const VALUE = 'parameter-value-invalid';
const string = (StringValue?: string) => ({ DataType: 'String', ...(StringValue !== undefined && { StringValue }) });
const SUPPORTED = 'the set of supported type prefixes is Binary, Number, and String.';
const EMPTY = (type: string) =>
  `The message attribute 'attr1' must contain non-empty message attribute value for message attribute type '${type}'.`;

/** What AWS answers to message attributes, recorded from it. */
const ATTRIBUTES: readonly (readonly [name: string, value: object, message: string])[] = [
  ['attr1', string(''), EMPTY('String')],
  ['attr1', string(), EMPTY('String')],
  ['attr1', { DataType: 'Binary', BinaryValue: new Uint8Array(0) }, EMPTY('Binary')],
  [
    'attr1',
    { DataType: 'String', BinaryValue: Buffer.of(1) },
    "The message attribute 'attr1' with type 'String' must use field 'String'.",
  ],
  [
    'attr1',
    { DataType: 'Number', BinaryValue: Buffer.of(1) },
    "The message attribute 'attr1' with type 'Number' must use field 'String'.",
  ],
  [
    'attr1',
    { DataType: 'Binary', StringValue: 'x' },
    "The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
  ],
  [
    'attr1',
    { DataType: 'invalid', StringValue: 'x' },
    `The message attribute 'attr1' has an invalid message attribute type, ${SUPPORTED}`,
  ],
  [
    'attr1',
    { DataType: 'Stringx.y', StringValue: 'x' },
    `The message attribute 'attr1' has an invalid message attribute type, ${SUPPORTED}`,
  ],
  ['attr1', { DataType: 'Number', StringValue: '0x10' }, "Could not cast message attribute 'attr1' value to number."],
  ['a'.repeat(257), string('x'), 'Length of message attribute name must be less than 256 bytes.'],
  [
    'a^b',
    string('x'),
    "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
  ],
  ['.a', string('x'), "Invalid message attribute name starting with character '.' was found."],
  ['a.', string('x'), "Invalid message attribute name ending with character '.' was found."],
  ['a..b', string('x'), "Message attribute name can not have successive '.' character."],
];

test('message attributes are refused in the words of AWS, alone and in a batch', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  for (const [name, value, message] of ATTRIBUTES) {
    const MessageAttributes = { [name]: value };
    await assert.rejects(node.call('Publish', { TopicArn, Message: 'x', MessageAttributes }), { code: VALUE, message });
    const PublishBatchRequestEntries = [{ Id: '1', Message: 'x', MessageAttributes }];
    const { Failed } = await node.call('PublishBatch', { TopicArn, PublishBatchRequestEntries });
    assert.deepEqual(Failed, [{ Id: '1', Code: 'ParameterValueInvalid', Message: message, SenderFault: true }]);
  }
  for (const DataType of ['String.Array', 'Number.prefix', 'Binary.png', 'String.']) {
    const value = DataType.startsWith('Binary') ? { BinaryValue: Buffer.of(1) } : { StringValue: '1' };
    await node.call('Publish', { TopicArn, Message: 'x', MessageAttributes: { a: { DataType, ...value } } });
  }
});

/** Calls, and what AWS answers, recorded from it where the text is not our own. */
test('topics, messages and subscriptions are refused in the words of AWS', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const queue = await newQueue(node);
  const { SubscriptionArn } = await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn });
  const set = (AttributeName: string, AttributeValue: string) =>
    ['SetSubscriptionAttributes', { SubscriptionArn, AttributeName, AttributeValue }] as const;
  const setTopic = (AttributeName: string, AttributeValue: string) =>
    ['SetTopicAttributes', { TopicArn, AttributeName, AttributeValue }] as const;
  const elsewhere = 'arn:aws:sns:eu-west-1:000000000000:topic';
  const missing = 'arn:aws:sns:us-east-1:000000000000:missing';
  const cases: readonly (readonly [readonly [string, object], string | RegExp])[] = [
    [
      ['GetTopicAttributes', { TopicArn: 'topic' }],
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ],
    [
      ['Publish', { TopicArn: 'a:b', Message: 'x' }],
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2',
    ],
    [
      ['Publish', { TopicArn: '', Message: 'x' }],
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ],
    [['Publish', { TopicArn: missing, Message: 'x' }], 'Topic does not exist'],
    [['PublishBatch', { TopicArn: missing, PublishBatchRequestEntries: [] }], 'Topic does not exist'],
    [['Publish', { TopicArn: elsewhere, Message: 'x' }], 'Invalid parameter: TopicArn'],
    [['Subscribe', { TopicArn: elsewhere, Protocol: 'sqs', Endpoint: queue.arn }], 'Invalid parameter: TopicArn'],
    [['Publish', { TopicArn, TargetArn: TopicArn, Message: 'x' }], /exactly one/],
    [['Publish', { TopicArn, Message: '' }], 'Invalid parameter: Empty message'],
    [['Publish', { TopicArn, Message: 'x', Subject: '' }], 'Invalid parameter: Subject'],
    [['Publish', { TopicArn, Message: 'x', Subject: 'x'.repeat(101) }], 'Invalid parameter: Subject'],
    [['Publish', { TopicArn, Message: 'ü'.repeat(131_073) }], 'Invalid parameter: Message too long'],
    [
      ['Publish', { TopicArn, Message: '{', MessageStructure: 'json' }],
      'Invalid parameter: Message Structure - JSON message body failed to parse',
    ],
    [
      ['Publish', { TopicArn, Message: '{"default":1}', MessageStructure: 'json' }],
      'Invalid parameter: Message Structure - No default entry in JSON message body',
    ],
    [
      ['Subscribe', { TopicArn, Protocol: 'test-protocol', Endpoint: 'x' }],
      'Invalid parameter: Amazon SNS does not support this protocol string: test-protocol',
    ],
    [['Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: 'http://q' }], 'Invalid parameter: SQS endpoint ARN'],
    [['CreateTopic', { Name: 'a'.repeat(257) }], 'Invalid parameter: Topic Name'],
    [['CreateTopic', { Name: 'a|b' }], 'Invalid parameter: Topic Name'],
    [
      [
        'CreateTopic',
        {
          Name: 'a',
          Tags: [
            { Key: 'k', Value: '1' },
            { Key: 'k', Value: '2' },
          ],
        },
      ],
      'Invalid parameter: Duplicated keys are not allowed.',
    ],
    [['CreateTopic', { Name: 'a', Attributes: { ContentBasedDeduplication: 'true' } }], /only FIFO topics/],
    [['CreateTopic', { Name: 'a', DataProtectionPolicy: '{}' }], /data protection is not built/],
    [
      [
        'CreateTopic',
        { Name: 'a.fifo', Attributes: { FifoTopic: 'true', ArchivePolicy: '{"MessageRetentionPeriod":"1"}' } },
      ],
      /archiving and replay are not built/,
    ],
    [['ListTagsForResource', { ResourceArn: missing }], 'Resource does not exist'],
    [
      ['GetSubscriptionAttributes', { SubscriptionArn: 'x' }],
      'Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1',
    ],
    [['GetSubscriptionAttributes', { SubscriptionArn: `${TopicArn}:x` }], 'Subscription does not exist'],
    [['ListTopics', { NextToken: 'x' }], 'Invalid parameter: NextToken'],
    [set('fake-attribute', 'x'), 'Invalid parameter: AttributeName'],
    [
      set('RawMessageDelivery', 'test-ValUe'),
      'Invalid parameter: RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false.',
    ],
    [set('RawMessageDelivery', ''), 'Invalid parameter: RawMessageDelivery: Invalid value []. Must be true or false.'],
    [
      set('RedrivePolicy', '{"deadLetterTargetArn":"fake-arn"}'),
      'Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn',
    ],
    [set('RedrivePolicy', '{invalidjson}'), /^Invalid parameter: RedrivePolicy: failed to parse JSON\./],
    [set('ReplayPolicy', '{"PointType":"Timestamp"}'), /archiving and replay are not built/],
    [setTopic('FifoTopic', 'true'), 'Invalid parameter: AttributeName'],
    [setTopic('SignatureVersion', '3'), /SignatureVersion/],
    [setTopic('DeliveryPolicy', '{"http":1}'), /DeliveryPolicy/],
    [setTopic('LambdaSuccessFeedbackSampleRate', '101'), /from 0 to 100/],
    [setTopic('Policy', 'x'), /Policy Error: failed to parse JSON/],
    [setTopic('Policy', '{"Statement":[]}'), /Statement is missing/],
    [
      setTopic(
        'Policy',
        JSON.stringify({
          Statement: { Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: TopicArn },
        }),
      ),
      /out of service scope/,
    ],
    [
      setTopic(
        'Policy',
        JSON.stringify({ Statement: { Effect: 'Allow', Principal: '*', Action: 'sns:Publish', Resource: missing } }),
      ),
      /Resource must be the topic/,
    ],
  ];
  for (const [[operation, input], message] of cases) {
    await assert.rejects(
      node.call(operation, input),
      { message },
      `${operation} ${JSON.stringify(input).slice(0, 150)}`,
    );
  }
});

test('permissions are statements of the policy, by their label', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const policy = async () => JSON.parse((await node.call('GetTopicAttributes', { TopicArn })).Attributes.Policy);
  const before = await policy();
  assert.equal(before.Statement[0].Sid, '__default_statement_ID');
  const add = (Label: string, AWSAccountId: string[], ActionName: string[]) =>
    node.call('AddPermission', { TopicArn, Label, AWSAccountId, ActionName });
  await Promise.all([
    add('one', ['111111111111'], ['Publish']),
    add('two', ['111111111111', '222222222222'], ['Publish', 'Subscribe']),
  ]);
  await assert.rejects(add('one', ['111111111111'], ['Publish']), {
    message: 'Invalid parameter: Statement already exists',
  });
  await assert.rejects(add('three', ['111111111111'], ['NotAnAction']), {
    message: 'Invalid parameter: Policy statement action out of service scope!',
  });
  await assert.rejects(add('three', ['1'], ['Publish']), { message: 'Invalid parameter: AWSAccountId' });
  const statements = (await policy()).Statement.slice(1);
  assert.deepEqual(statements[0], {
    ...{ Sid: 'one', Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111111111111:root' } },
    ...{ Action: 'SNS:Publish', Resource: TopicArn },
  });
  assert.deepEqual(statements[1].Action, ['SNS:Publish', 'SNS:Subscribe']);
  for (const Label of ['one', 'two']) await node.call('RemovePermission', { TopicArn, Label });
  assert.deepEqual(await policy(), before);
});

test('lists are paged by a hundred', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const endpoint = (i: number) => `arn:aws:sqs:us-east-1:000000000000:q-${i}`;
  for (let i = 0; i < 120; i++) await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: endpoint(i) });
  for (const [operation, input] of [
    ['ListSubscriptionsByTopic', { TopicArn }],
    ['ListSubscriptions', {}],
  ] as const) {
    const first = await node.call(operation, input);
    assert.equal(first.Subscriptions.length, 100);
    const second = await node.call(operation, { ...input, NextToken: first.NextToken });
    assert.equal(second.NextToken, undefined);
    const all = [...first.Subscriptions, ...second.Subscriptions].map(({ Endpoint }) => Endpoint);
    assert.equal(new Set(all).size, 120);
  }
  const { Attributes } = await node.call('GetTopicAttributes', { TopicArn });
  assert.equal(Attributes.SubscriptionsConfirmed, '120');
});

test('a topic of a FIFO kind takes a hundred subscribers, and one with filters two hundred of them', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, { FifoTopic: 'true' });
  const subscribe = (topic: string, i: number, Attributes: object = {}) =>
    node.call('Subscribe', {
      TopicArn: topic,
      Protocol: 'sqs',
      Endpoint: `arn:aws:sqs:us-east-1:000000000000:q-${i}`,
      Attributes,
    });
  for (let i = 0; i < 100; i++) await subscribe(TopicArn, i);
  await assert.rejects(subscribe(TopicArn, 100), { code: 'subscription-limit' });
  const standard = await newTopic(node);
  const FilterPolicy = '{"a":["x"]}';
  for (let i = 0; i < 200; i++) await subscribe(standard, i, { FilterPolicy });
  await assert.rejects(subscribe(standard, 200, { FilterPolicy }), { code: 'filter-limit' });
  const { SubscriptionArn } = await subscribe(standard, 200);
  const late = { SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue: FilterPolicy };
  await assert.rejects(node.call('SetSubscriptionAttributes', late), { code: 'filter-limit' });
});
