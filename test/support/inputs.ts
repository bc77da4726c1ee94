import { compilePattern } from '../../src/codec/aws/pattern.ts';
import type { ScalarShape, ServiceTable } from '../../src/codec/aws/shape.ts';

/** Texts of the forms that AWS's patterns ask for, tried in turn. */
const TEXTS: readonly string[] = [
  'a',
  '1',
  '/a',
  'a/b',
  'a:b',
  'a1b2c3d4',
  'arn:aws:iam::000000000000:role/matrix',
  'arn:aws:lambda:us-east-1:000000000000:function:matrix',
  'arn:aws:lambda:us-east-1:000000000000:event-source-mapping:00000000-0000-4000-8000-000000000000',
  'arn:aws:kinesis:us-east-1:000000000000:stream/matrix',
  'arn:aws:kinesis:us-east-1:000000000000:stream/matrix/consumer/reader:1700000000',
  'arn:aws:dynamodb:us-east-1:000000000000:table/matrix',
  'arn:aws:dynamodb:us-east-1:000000000000:table/matrix/stream/2026-03-01T00:00:00.000',
  'arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0',
  'arn:aws:lambda:us-east-1:000000000000:layer:matrix:1',
  'arn:aws:lambda:us-east-1:000000000000:capacity-provider:matrix',
  'arn:aws:secretsmanager:us-east-1:000000000000:secret:matrix-a1b2c3',
  'arn:aws:states:us-east-1:000000000000:stateMachine:matrix',
  'arn:aws:cloudformation:us-east-1:000000000000:stack/matrix/00000000-0000-4000-8000-000000000000',
  'shardId-000000000000',
  '000000000000',
  'us-east-1',
  '49590338271490256608559692538361571095921575989136588898',
  '00000000-0000-4000-8000-000000000000',
  '0'.repeat(64),
  'https://example.com',
  'alias/matrix',
  'application/json',
  'sha256:'.padEnd(71, '0'),
  '{"Version":"2012-10-17","Statement":[]}',
  '$LATEST',
  'AAAAAAAAAAAAAAAAAAAA',
  '2024-01-01',
  'rate(1 day)',
  '10.0.0.0/8',
  '200',
  'v1',
  'lambda:GetLayerVersion',
  'Test::Matrix::Thing',
];

/** Inputs of which the model demands too little: without this they are about nothing. */
const LEAST: Readonly<Record<string, Record<string, unknown>>> = {
  'dynamodb.TransactWriteItems': { TransactItems: [{ Put: { TableName: 'matrix', Item: {} } }] },
};

/**
 * The least that the wire takes as the input of an operation: what the model demands, in the smallest form it allows.
 *
 * @throws Error  the model demands a text of a form that is not among those known here
 */
export function minimalInput(table: ServiceTable, operation: string): Record<string, unknown> {
  const least = LEAST[`${table.signingName}.${operation}`];
  if (least) return least;
  return sampleOf(table, table.operations[operation]!.input, operation) as Record<string, unknown>;
}

function sampleOf(table: ServiceTable, index: number, where: string): unknown {
  const shape = table.shapes[index]!;
  switch (shape.type) {
    case 'structure': {
      const required = new Set(shape.required);
      // A label stands in the path, whether or not the model calls it required.
      const members = shape.members.filter(([name, , traits]) => required.has(name) || traits?.label);
      return Object.fromEntries(members.map(([name, member]) => [name, sampleOf(table, member, `${where}.${name}`)]));
    }
    case 'union': {
      if (shape.eventStream) return NO_EVENTS();
      const [name, member] = shape.members[0]!;
      return { [name]: sampleOf(table, member, `${where}.${name}`) };
    }
    case 'list':
      return Array.from({ length: Math.max(shape.min ?? 0, 1) }, () => sampleOf(table, shape.member, `${where}[]`));
    case 'map': {
      const entry = () => [sampleOf(table, shape.key, `${where}.key`), sampleOf(table, shape.value, `${where}.value`)];
      return Object.fromEntries([entry()]);
    }
    case 'string':
      return textOf(shape, where, likely(table, where));
    case 'boolean':
      return false;
    case 'blob':
      return Buffer.alloc(Math.max(shape.min ?? 0, 1), 97);
    case 'timestamp':
      return new Date('2026-03-01T00:00:00Z');
    case 'document':
      return {};
    default:
      return Math.max(shape.min ?? 0, Math.min(1, shape.max ?? 1));
  }
}

async function* NO_EVENTS(): AsyncGenerator<never> {}

/** What a member of this name should be where its shape says little. */
function likely({ signingName }: ServiceTable, where: string): readonly string[] {
  const region = signingName === 'iam' || signingName === 's3' ? '' : 'us-east-1';
  if (/arn(\[\])?$/i.test(where)) return [`arn:aws:${signingName}:${region}:000000000000:user/matrix`, ...ARNS];
  if (/Statement$/.test(where)) return ['SELECT * FROM matrix'];
  return /url$/i.test(where) ? ['http://127.0.0.1/000000000000/matrix'] : [];
}

const ARNS = TEXTS.filter((text) => text.startsWith('arn:'));

function textOf(shape: ScalarShape, where: string, first: readonly string[]): string {
  const { min = 0, max = Number.POSITIVE_INFINITY, pattern, enum: values } = shape;
  if (values) return values[0]!;
  const compiled = pattern === undefined ? undefined : compilePattern(pattern);
  const fits = (text: string) => text.length >= min && text.length <= max && (compiled?.test(text) ?? true);
  const texts = [...first, ...TEXTS].flatMap((text) => [text, text.padEnd(min, 'a'), text.padEnd(min, '0')]);
  const found = texts.find(fits);
  if (found === undefined)
    throw new Error(`${where} asks for a text of an unknown form: ${pattern} (${min} to ${max})`);
  return found;
}
