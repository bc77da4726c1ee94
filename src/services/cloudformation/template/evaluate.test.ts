// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, isKnown, UNKNOWN } from './evaluate.ts';
import { createScope, dependencyGraph } from './program.ts';
import { readTemplate } from './reader.ts';
import { parseTemplate } from './template.ts';
import type { Json, JsonObject } from './value.ts';

const IDENTITY = {
  name: 'app',
  id: 'arn:aws:cloudformation:eu-west-1:000000000000:stack/app/1',
  region: 'eu-west-1',
  accountId: '000000000000',
  notificationArns: [],
};

const TEMPLATE = {
  Parameters: {
    Name: { Type: 'String' },
    Names: { Type: 'CommaDelimitedList' },
    Count: { Type: 'Number' },
  },
  Mappings: { Sizes: { 'eu-west-1': { small: 1, list: ['a', 'b'] } } },
  Conditions: {
    Yes: { 'Fn::Equals': [{ Ref: 'Count' }, 2] },
    No: { 'Fn::Not': [{ Condition: 'Yes' }] },
    Both: { 'Fn::And': [{ Condition: 'Yes' }, { Condition: 'No' }] },
    Either: { 'Fn::Or': [{ Condition: 'Yes' }, { Condition: 'No' }] },
  },
  Resources: { Queue: { Type: 'AWS::SQS::Queue' }, Fresh: { Type: 'AWS::SQS::Queue' } },
};

function scopeOf(template: JsonObject = TEMPLATE) {
  return createScope(parseTemplate(template), { Name: 'a', Names: 'x, y,z', Count: '2' }, IDENTITY, {
    ref: (id) => (id === 'Queue' ? 'queue-1' : id === 'Fresh' ? UNKNOWN : undefined),
    attribute: (id, name) => (id === 'Queue' ? `${id}.${name}` : id === 'Fresh' ? UNKNOWN : undefined),
    importValue: (name) => `imported ${name}`,
  });
}

const get = (value: Json) => evaluate(value, scopeOf(), '/Resources/X/Properties');

for (const [name, value, expected] of [
  ['Ref of a parameter', { Ref: 'Name' }, 'a'],
  ['Ref of a list parameter', { Ref: 'Names' }, ['x', 'y', 'z']],
  ['Ref of a resource', { Ref: 'Queue' }, 'queue-1'],
  [
    'pseudo parameters',
    [{ Ref: 'AWS::Region' }, { Ref: 'AWS::StackName' }, { Ref: 'AWS::Partition' }],
    ['eu-west-1', 'app', 'aws'],
  ],
  ['NoValue takes the member away', { a: { Ref: 'AWS::NoValue' }, b: [{ Ref: 'AWS::NoValue' }, 1] }, { b: [1] }],
  ['GetAtt', { 'Fn::GetAtt': ['Queue', 'Arn'] }, 'Queue.Arn'],
  ['GetAtt in one text', { 'Fn::GetAtt': 'Queue.Arn' }, 'Queue.Arn'],
  [
    'Sub',
    { 'Fn::Sub': '${Name}-${Queue}-${Queue.Arn}-${AWS::Region}-${!Name}' },
    'a-queue-1-Queue.Arn-eu-west-1-${Name}',
  ],
  ['Sub with variables of its own', { 'Fn::Sub': ['${x}-${Name}', { x: { Ref: 'Count' }, Name: 'own' }] }, '2-own'],
  ['Join', { 'Fn::Join': ['-', ['a', { Ref: 'Name' }, 3, true]] }, 'a-a-3-true'],
  ['Join of a list from a function', { 'Fn::Join': ['', { Ref: 'Names' }] }, 'xyz'],
  ['Select', { 'Fn::Select': ['1', { Ref: 'Names' }] }, 'y'],
  ['Split', { 'Fn::Split': ['.', 'a.b'] }, ['a', 'b']],
  ['If', [{ 'Fn::If': ['Yes', 1, 2] }, { 'Fn::If': ['No', 1, 2] }], [1, 2]],
  ['And and Or', [{ 'Fn::If': ['Both', 1, 2] }, { 'Fn::If': ['Either', 1, 2] }], [2, 1]],
  ['FindInMap', { 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'small'] }, 1],
  ['FindInMap with a default', { 'Fn::FindInMap': ['Sizes', 'mars', 'small', { DefaultValue: 9 }] }, 9],
  ['Base64', { 'Fn::Base64': { 'Fn::Sub': '${Name}' } }, 'YQ=='],
  ['ImportValue', { 'Fn::ImportValue': { 'Fn::Sub': '${AWS::StackName}-x' } }, 'imported app-x'],
  ['Cidr', { 'Fn::Cidr': ['10.1.0.0/16', 3, '8'] }, ['10.1.0.0/24', '10.1.1.0/24', '10.1.2.0/24']],
  ['Cidr of IPv6', { 'Fn::Cidr': ['2001:db8::/56', 2, 64] }, ['2001:db8::/64', '2001:db8:0:1::/64']],
  ['Cidr selected', { 'Fn::Select': [1, { 'Fn::Cidr': ['10.0.0.0/28', 4, 2] }] }, '10.0.0.4/30'],
  ['GetAZs', { 'Fn::GetAZs': '' }, ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']],
  [
    'Length and ToJsonString',
    [{ 'Fn::Length': { Ref: 'Names' } }, { 'Fn::ToJsonString': { a: { Ref: 'Name' } } }],
    [3, '{"a":"a"}'],
  ],
  [
    'a policy condition is no intrinsic',
    { Condition: { StringEquals: { a: 'b' } } },
    { Condition: { StringEquals: { a: 'b' } } },
  ],
] as const) {
  test(name, () => assert.deepEqual(get(value as Json), expected));
}

test('what depends on something unknown is unknown, and only that', () => {
  const value = get({
    a: { 'Fn::Sub': 'x-${Fresh}' },
    b: { 'Fn::Join': ['', [{ Ref: 'Fresh' }]] },
    c: { Ref: 'Name' },
  }) as any;
  assert.deepEqual([value.a, value.b, value.c], [UNKNOWN, UNKNOWN, 'a']);
  assert.equal(isKnown(value), false);
});

for (const [value, message] of [
  [{ Ref: 'Nobody' }, /Unresolved resource dependencies \[Nobody\] in the Resources block of the template/],
  [{ 'Fn::GetAtt': ['Nobody', 'Arn'] }, /Fn::GetAtt references undefined resource Nobody/],
  [{ 'Fn::GetAtt': ['Queue'] }, /every Fn::GetAtt object requires two non-empty parameters/],
  [{ 'Fn::Join': ['-'] }, /every Fn::Join object requires two parameters/],
  [{ 'Fn::Select': [5, ['a']] }, /cannot select nonexistent value at index 5/],
  [{ 'Fn::Select': [-1, ['a']] }, /cannot select nonexistent value at index -1/],
  [{ 'Fn::FindInMap': ['Sizes', 'mars', 'small'] }, /Unable to get mapping for Sizes::mars::small/],
  [{ 'Fn::If': ['Nobody', 1, 2] }, /Unresolved condition dependency Nobody/],
  [{ 'Fn::Cidr': ['10.0.0.0/24', 2, 8] }, /2 blocks of 8 host bits do not fit into 10\.0\.0\.0\/24/],
  [{ 'Fn::Cidr': ['10.0.0.0', 1] }, /requires a valid CIDR block/],
  [{ 'Fn::Cidr': ['10.0.0.0/8', 257] }, /count between 1 and 256/],
  [{ 'Fn::Nothing': 1 }, /Fn::Nothing is not supported/],
  [{ 'Fn::Sub': ['${a}'] }, /Fn::Sub intrinsic functions don't specify expected arguments/],
] as const) {
  test(`refused: ${JSON.stringify(value)}`, () => assert.throws(() => get(value as unknown as Json), message));
}

test('conditions in a circle are refused', () => {
  const scope = scopeOf({ ...TEMPLATE, Conditions: { A: { 'Fn::Not': [{ Condition: 'A' }] } } });
  assert.throws(() => scope.condition('A'), /Circular dependency between conditions: \[A\]/);
});

test('only the branch that is taken is waited for, and a resource that is left out is not', () => {
  const queue = (properties: JsonObject, more: JsonObject = {}) => ({
    Type: 'AWS::SQS::Queue',
    Properties: properties,
    ...more,
  });
  const scope = scopeOf({
    ...TEMPLATE,
    Resources: {
      A: queue({ x: { 'Fn::If': ['Yes', { Ref: 'B' }, { Ref: 'C' }] } }, { DependsOn: ['Out'] }),
      B: queue({}),
      C: queue({}),
      Out: queue({}, { Condition: 'No' }),
    },
  });
  assert.deepEqual(dependencyGraph(scope), { A: ['B'], B: [], C: [] });
});

test('YAML with short forms reads as JSON with long ones', () => {
  const yaml = `
A: !Sub "\${x}"
B: !GetAtt Queue.Arn.Part
C: !If [Is, !Ref x, !Join [",", [!Select [0, !GetAZs ""], b]]]
D: !Not [!Condition Is]
E: !Sub ["\${x}", { x: !Ref y }]
Date: 2012-10-17
Time: 12:30
Flag: yes
Text: "yes"
Path: .
N: [n, Y, e5]
Numbers: [1.5, .5, 1., 1e3, -2, 0x10]
`;
  assert.deepEqual(readTemplate(yaml), {
    A: { 'Fn::Sub': '${x}' },
    B: { 'Fn::GetAtt': ['Queue', 'Arn.Part'] },
    C: { 'Fn::If': ['Is', { Ref: 'x' }, { 'Fn::Join': [',', [{ 'Fn::Select': [0, { 'Fn::GetAZs': '' }] }, 'b']] }] },
    D: { 'Fn::Not': [{ Condition: 'Is' }] },
    E: { 'Fn::Sub': ['${x}', { x: { Ref: 'y' } }] },
    Date: '2012-10-17',
    Time: '12:30',
    Flag: true,
    Text: 'yes',
    Path: '.',
    N: ['n', 'Y', 'e5'],
    Numbers: [1.5, 0.5, 1, 1000, -2, 16],
  });
});

test('a template cut at any byte is read or refused, never worse', () => {
  const text = 'A: !Sub ["${x}", {x: !Ref y}]\nB: [1, {c: "d"}]\nC: &a {x: 1}\nD: *a\n';
  for (let end = 0; end <= text.length; end++) {
    try {
      readTemplate(text.slice(0, end));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'validation', `cut at ${end}: ${String(error)}`);
    }
  }
});
