/**
 * What a decision about one call costs where a caller has 50 statements, in time of this thread: the answer kept, the policies read but
 * the answer not kept (a condition speaks), and everything anew, the document's JSON included. Not measured: the wire, the signature and
 * finding out which rights a call needs.
 */
import { SimulatedClock } from '../src/base/index.ts';
import { Decider } from '../src/services/iam/evaluation/index.ts';
import { silentLogger } from '../src/telemetry/index.ts';
import type { Figure } from './figure.ts';

const CACHED_US = 20;
const UNCACHED_US = 200;
const ARN = 'arn:aws:iam::000000000000:user/alice';
const PHOTO = 'arn:aws:s3:::photos/2026/a.jpg';

/** 50 statements of which the last one allows; `n` makes a document that nobody has seen. */
function statements(n: number, conditional: boolean): string {
  const Statement = Array.from({ length: 50 }, (_, index) => ({
    Sid: `s${n}x${index}`,
    Effect: index % 10 === 0 ? 'Deny' : 'Allow',
    Action: index === 49 ? ['s3:Get*', 's3:List*'] : [`service${index}:Get*`, `service${index}:Put*`],
    Resource:
      index === 49 ? 'arn:aws:s3:::photos/*' : `arn:aws:service${index}:us-east-1:000000000000:thing/*/part-${index}`,
    ...(conditional && index === 49 && { Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } }),
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Decides for somebody who has these documents, one after the other. */
function deciding(documents: readonly string[]): (n: number) => boolean {
  let generation = 0;
  const principals = {
    get generation() {
      return generation;
    },
    policiesOf: () => ({
      ...{ id: 'AIDA1', name: 'alice', tags: {} },
      identity: [{ name: 'own', text: documents[generation % documents.length]! }],
    }),
  };
  const decider = new Decider({ principals, clock: new SimulatedClock(), logger: silentLogger });
  const caller = { accountId: '000000000000', arn: ARN, accessKeyId: 'AKIA1' };
  const permissions = [{ action: 's3:GetObject', resources: [PHOTO] }];
  const facts = { region: 'us-east-1', sourceIp: '192.0.2.7' };
  return (n) => {
    if (documents.length > 1) generation = n;
    return decider.decide(caller, permissions, facts).allowed;
  };
}

export async function run(): Promise<Figure[]> {
  const fresh = Array.from({ length: 10_000 }, (_, n) => statements(n, false));
  const parse = microseconds(5_000, (n) => JSON.parse(fresh[n % fresh.length]!) !== undefined);
  const prefixes = Array.from({ length: 50 }, (_, index) => `arn:aws:service${index}:us-east-1:000000000000:thing/`);
  const compare = microseconds(200_000, () => !prefixes.some((prefix) => PHOTO.startsWith(prefix)));
  return [
    figure('IAM decision, 50 statements, the answer kept', microseconds(1_000_000, deciding([statements(0, false)])), {
      ...{ floor: compare, floorName: 'comparing 50 prefixes', most: CACHED_US },
    }),
    figure('IAM decision, 50 statements and a condition', microseconds(100_000, deciding([statements(0, true)])), {
      ...{ floor: compare, floorName: 'comparing 50 prefixes', most: CACHED_US },
    }),
    figure('IAM decision, 50 statements, all read anew', microseconds(5_000, deciding(fresh)), {
      ...{ floor: parse, floorName: 'JSON.parse alone', most: UNCACHED_US },
    }),
  ];
}

function figure(
  name: string,
  value: number,
  { floor, floorName, most }: { readonly floor: number; readonly floorName: string; readonly most: number },
): Figure {
  const target = { value: most, met: value <= most };
  return { name, value, unit: 'µs', floor: { name: floorName, value: floor }, ratio: value / floor, target };
}

/** Mean of the second half of the rounds, when the code is compiled. @throws Error  it was not as expected */
function microseconds(rounds: number, work: (n: number) => boolean): number {
  for (let n = 0; n < rounds / 2; n++) if (!work(n)) throw new Error('refused');
  const startedAt = performance.now();
  for (let n = rounds / 2; n < rounds; n++) if (!work(n)) throw new Error('refused');
  return ((performance.now() - startedAt) * 1000) / (rounds / 2);
}
