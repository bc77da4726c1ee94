import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RESOURCE_TYPES } from './index.ts';
import type { Kind } from './properties.ts';

/** What AWS's own schema says about a type. */
interface Published {
  readonly properties: Readonly<Record<string, Kind | null>>;
  readonly required: readonly string[];
  readonly createOnly: readonly string[];
  readonly attributes: readonly string[];
}

const { types } = JSON.parse(readFileSync(new URL('../fixtures/types.json', import.meta.url), 'utf8')) as {
  readonly types: Readonly<Record<string, Published>>;
};

/** Known differences, each with its reason; what is not here must agree. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'AWS::SNS::Topic.MaximumMessageSize': 'newer than the schemas',
  'AWS::IAM::Policy.PolicyName replaces': 'a policy under another name is another policy',
  'AWS::Logs::LogGroup.LogGroupClass replaces': 'the service does not change the class of a group',
  'AWS::Lambda::Version.ProvisionedConcurrencyConfig changes': 'kinder than AWS: the version stays',
  'AWS::Lambda::Function.Environment kind': 'variables are text',
  'AWS::CloudFormation::Stack.Parameters kind': 'a list may be given for a list',
  'AWS::SQS::Queue.RedrivePolicy kind': 'may be written as text too',
};

const differs = (what: string) => Object.hasOwn(DIFFERENCES, what);

for (const [name, type] of Object.entries(RESOURCE_TYPES)) {
  test(`${name} is as AWS publishes it`, () => {
    const published = types[name];
    assert.ok(published, 'record it in fixtures/types.json');
    const names = [...Object.keys(type.properties), ...(type.notBuilt ?? [])];
    const ours = names.filter((property) => !differs(`${name}.${property}`)).sort();
    assert.deepEqual(ours, Object.keys(published.properties).sort(), 'every property is built or refused by name');
    for (const [property, { kind, replaces, required }] of Object.entries(type.properties)) {
      const path = `${name}.${property}`;
      const replacing = replaces || !type.update;
      if (!differs(`${path} ${replacing ? 'replaces' : 'changes'}`)) {
        assert.equal(replacing, published.createOnly.includes(property), `${path} makes a new resource`);
      }
      assert.equal(required, published.required.includes(property), `${path} is required`);
      const theirs: Kind | null = published.properties[property]!;
      // AWS takes some tags in another form; ours are always key and value.
      if (kind === 'any' || theirs === null || theirs === 'any' || differs(`${path} kind`)) continue;
      assert.deepEqual(within(kind, theirs), kind, `${path} has the members that AWS has`);
    }
  });
}

/** As much of AWS's kind as ours has: members that it has beside are refused by name. */
function within(ours: Kind, theirs: Kind): Kind {
  if (typeof ours === 'string' || typeof theirs === 'string') return theirs;
  if ('list' in ours && 'list' in theirs) return { list: within(ours.list, theirs.list) };
  if ('map' in ours && 'map' in theirs) return { map: within(ours.map, theirs.map) };
  if (!('object' in ours && 'object' in theirs)) return theirs;
  const members = Object.entries(ours.object).map(([key, kind]) => {
    const other = theirs.object[key];
    return [key, other === undefined ? 'text' : within(kind, other)] as const;
  });
  return { object: Object.fromEntries(members) };
}

test('what Fn::GetAtt reads is what AWS documents', () => {
  const missing = Object.entries(RESOURCE_TYPES).flatMap(([name, { attributes }]) =>
    types[name]!.attributes.filter((attribute) => !attributes.includes(attribute)).map(
      (attribute) => `${name}.${attribute}`,
    ),
  );
  assert.deepEqual(
    missing.filter((path) => !/^AWS::S3::Bucket\./.test(path)),
    [
      // Documented without a value that could be read.
      'AWS::Kinesis::Stream.WarmThroughputObject',
      'AWS::Lambda::Function.SnapStartResponse',
    ],
  );
});
