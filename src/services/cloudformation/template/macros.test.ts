// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub and Fn::ForEach
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDefinition, prepareDefinition, type Surroundings } from '../stacks/preparation.ts';
import { readTemplate } from './reader.ts';

const OBJECTS: Record<string, string> = {
  'shared/part.yaml': 'Part: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: 3 } }',
  'shared/properties.json': '{"DelaySeconds": 5, "VisibilityTimeout": 60}',
  'shared/whole.json': '{"Mappings": {"M": {"a": {"b": "c"}}}}',
};

const IDENTITY = {
  name: 'app',
  id: 'arn:aws:cloudformation:eu-west-1:000000000000:stack/app/1',
  region: 'eu-west-1',
  accountId: '000000000000',
  notificationArns: [],
};

const SURROUNDINGS: Surroundings = {
  identity: IDENTITY,
  readObject: async (bucket, key) => {
    const text = OBJECTS[`${bucket}/${key}`];
    if (text === undefined) throw new Error('no such object');
    return (async function* () {
      yield Buffer.from(text);
    })();
  },
  storedParameter: async (name) => `value of ${name}`,
};

async function prepare(template: object | string, parameters: Record<string, string> = {}): Promise<any> {
  const definition = await prepareDefinition(
    {
      templateBody: typeof template === 'string' ? template : JSON.stringify(template),
      parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      })),
      tags: [],
      capabilities: [],
      notificationArns: [],
    },
    undefined,
    SURROUNDINGS,
  );
  checkDefinition(definition, IDENTITY, () => '');
  return definition;
}

const LOOPS = `
Transform: AWS::LanguageExtensions
Parameters: { Names: { Type: CommaDelimitedList, Default: 'a,b' }, Keep: { Type: String, Default: Retain } }
Mappings: { M: { sizes: { all: ['1', '2'] } } }
Conditions:
  Fn::ForEach::C:
    - Name
    - !Ref Names
    - 'Is\${Name}': !Equals ['\${Name}', a]
Resources:
  Fn::ForEach::Queues:
    - Name
    - !Ref Names
    - Fn::ForEach::Sizes:
        - Size
        - !FindInMap [M, sizes, all]
        - Queue\${Name}\${Size}:
            Type: AWS::SQS::Queue
            Condition: Is\${Name}
            DeletionPolicy: !Ref Keep
            Properties: { DelaySeconds: !Ref Size, QueueName: !Sub '\${AWS::StackName}-\${Name}-\${Size}' }
  Plain:
    Type: AWS::SQS::Queue
    Properties:
      Fn::ForEach::P:
        - Key
        - [DelaySeconds, VisibilityTimeout]
        - \${Key}: 7
Outputs:
  Fn::ForEach::O:
    - Path
    - ['x/1', 'y-2']
    - Out&{Path}: { Value: '\${Path}' }
`;

test('loops make conditions, resources, properties and outputs', async () => {
  const { processed, hasMacros } = await prepare(LOOPS);
  assert.equal(hasMacros, true);
  assert.deepEqual(Object.keys(processed.Resources), ['Queuea1', 'Queuea2', 'Queueb1', 'Queueb2', 'Plain']);
  assert.deepEqual(processed.Resources.Queueb2, {
    Type: 'AWS::SQS::Queue',
    Condition: 'Isb',
    DeletionPolicy: 'Retain',
    Properties: { DelaySeconds: '2', QueueName: { 'Fn::Sub': '${AWS::StackName}-b-2' } },
  });
  assert.deepEqual(processed.Resources.Plain.Properties, { DelaySeconds: 7, VisibilityTimeout: 7 });
  assert.deepEqual(processed.Conditions.Isa, { 'Fn::Equals': ['a', 'a'] });
  assert.deepEqual(processed.Outputs, { Outx1: { Value: 'x/1' }, Outy2: { Value: 'y-2' } });
});

const queue = (Properties: object = {}) => ({ Type: 'AWS::SQS::Queue', Properties });

const loop = (argument: unknown) => ({
  Transform: 'AWS::LanguageExtensions',
  Resources: { 'Fn::ForEach::L': argument },
});

for (const [name, template, message] of [
  ['a loop of another form', loop(['A', ['x']]), /Fn::ForEach layout is incorrect/],
  ['a loop over no list', loop(['A', 'x', {}]), /collection must be a list of texts/],
  ['a key made twice', loop(['A', ['x', 'y'], { Same: queue() }]), /makes the key Same twice/],
  [
    'a loop without its transform',
    { Resources: { Q: queue(), 'Fn::ForEach::L': ['A', ['x'], { 'Q${A}': queue() }] } },
    /Fn::ForEach::L needs the transform AWS::LanguageExtensions/,
  ],
  [
    'loops that multiply without end',
    loop([
      'A',
      Array.from({ length: 200 }, (_, index) => `a${index}`),
      {
        'Fn::ForEach::M': [
          'B',
          Array.from({ length: 200 }, (_, index) => `b${index}`),
          {
            'Fn::ForEach::N': [
              'C',
              Array.from({ length: 200 }, (_, index) => `c${index}`),
              { 'Q${A}${B}${C}': queue() },
            ],
          },
        ],
      },
    ]),
    /larger than 1000000 bytes once its loops are unrolled/,
  ],
  ['an unknown macro', { Transform: 'Mine', Resources: { Q: queue() } }, /not built in Millrace: \[Mine\]/],
  [
    'an unknown macro in a place',
    { Resources: { Q: queue({ 'Fn::Transform': { Name: 'Mine' } }), I: include('properties.json') } },
    /not built in Millrace: \[Mine\]/,
  ],
  ['an include of nothing', { Resources: { Q: queue(include('none.json')) } }, /must reference a valid S3 object/],
] as const) {
  test(`refused: ${name}`, () => assert.rejects(prepare(template), { code: 'validation', message }));
}

function include(key: string): object {
  return { 'Fn::Transform': { Name: 'AWS::Include', Parameters: { Location: `s3://shared/${key}` } } };
}

test('includes stand where they are named, and what stands beside them comes first', async () => {
  const { processed } = await prepare(
    {
      Transform: { Name: 'AWS::Include', Parameters: { Location: 's3://shared/whole.json' } },
      Parameters: { Where: { Type: 'String' } },
      Resources: {
        'Fn::Transform': { Name: 'AWS::Include', Parameters: { Location: { 'Fn::Sub': 's3://shared/${Where}.yaml' } } },
        Own: queue({ DelaySeconds: 1, ...include('properties.json') }),
      },
    },
    { Where: 'part' },
  );
  assert.deepEqual(processed.Resources, {
    Part: queue({ DelaySeconds: 3 }),
    Own: queue({ DelaySeconds: 1, VisibilityTimeout: 60 }),
  });
  assert.deepEqual(processed.Mappings, { M: { a: { b: 'c' } } });
});

test('a parameter that names one in SSM has its value', async () => {
  const template = {
    Parameters: { Size: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/app/size' } },
    Resources: { Q: queue({ QueueName: { Ref: 'Size' } }) },
  };
  const definition = await prepare(template);
  assert.deepEqual([definition.parameters, definition.stored], [{ Size: '/app/size' }, { Size: 'value of /app/size' }]);
});

const ruled = (assert: object, condition?: object) => ({
  Parameters: { Size: { Type: 'String', Default: 'big' }, Names: { Type: 'CommaDelimitedList', Default: 'a,b' } },
  Rules: {
    R: {
      ...(condition && { RuleCondition: condition }),
      Assertions: [{ Assert: assert, AssertDescription: 'it must be so' }],
    },
  },
  Resources: { Q: queue() },
});

for (const [assertion, holds] of [
  [{ 'Fn::Contains': [['big', 'small'], { Ref: 'Size' }] }, true],
  [{ 'Fn::Not': [{ 'Fn::Contains': [['big'], { Ref: 'Size' }] }] }, false],
  [{ 'Fn::EachMemberIn': [{ Ref: 'Names' }, ['a', 'b', 'c']] }, true],
  [{ 'Fn::EachMemberEquals': [{ Ref: 'Names' }, 'a'] }, false],
  [
    {
      'Fn::And': [{ 'Fn::Equals': [{ Ref: 'Size' }, 'big'] }, { 'Fn::Contains': [{ 'Fn::RefAll': 'String' }, 'big'] }],
    },
    true,
  ],
] as const) {
  test(`rule ${JSON.stringify(assertion)}: ${holds}`, async () => {
    if (holds) await prepare(ruled(assertion));
    else await assert.rejects(prepare(ruled(assertion)), { message: 'Template constraints failed: it must be so' });
  });
}

test('a rule whose condition does not hold says nothing', () =>
  prepare(ruled({ 'Fn::Equals': ['a', 'b'] }, { 'Fn::Equals': [{ Ref: 'Size' }, 'small'] })));

const BOMB = `a: &a [x, x, x, x, x, x, x, x, x]
${'bcdefgh'
  .split('')
  .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(', ')}]`)
  .join('\n')}
Resources: *h
`;

for (const [name, text, message] of [
  ['aliases of aliases', BOMB, /YAML aliases: Excessive alias count/],
  [
    'a large value under many aliases',
    `A: &a "${'x'.repeat(50_000)}"\nB: [${Array(100).fill('*a').join(', ')}]\n`,
    /may not exceed 4000000 bytes once its aliases are written out/,
  ],
  ['deep JSON', `{"Resources": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`, /nested more than 100 deep/],
  ['deep YAML', `Resources: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, /nested more than 100 deep/],
  ['deep lists in lists', `Resources:\n  ${'- '.repeat(100_000)}`, /nested more than 100 deep/],
  [
    'deep YAML by indentation',
    Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    /nested more than 100 deep/,
  ],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => readTemplate(text), { code: 'validation', message });
  });
}

test('names of objects that JavaScript knows are names like others', () => {
  const template = readTemplate('{"Resources": {"__proto__": {"polluted": true}, "constructor": 1}}');
  assert.equal(({} as any).polluted, undefined);
  assert.ok(Object.hasOwn(template.Resources as object, 'constructor'));
});

test('templates of more than a megabyte, and of more resources than allowed, are refused', async () => {
  await assert.rejects(prepare('#'.repeat(1_000_001)), /Template may not exceed 1000000 bytes in size/);
  const Resources = Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`Q${index}`, queue()]));
  await assert.rejects(prepare({ Resources }), /Number of resources, 501, is greater than maximum allowed, 500/);
});

test('circles are named as AWS names them', async () => {
  const Resources = {
    A: queue({ QueueName: { Ref: 'B' } }),
    B: queue({ QueueName: { 'Fn::GetAtt': ['A', 'QueueName'] } }),
    C: { ...queue(), DependsOn: ['A'] },
  };
  await assert.rejects(prepare({ Resources }), { message: 'Circular dependency between resources: [A, B]' });
  await assert.rejects(
    prepare({
      Conditions: { X: { 'Fn::Equals': [{ Ref: 'Q' }, 'a'] } },
      Resources: { Q: queue(), R: { ...queue(), Condition: 'X' } },
    }),
    /Unresolved dependencies \[Q\]\. Cannot reference resources in the Conditions block of the template/,
  );
});
