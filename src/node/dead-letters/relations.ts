import { type Clock, DEFAULT_REGION, parseArn } from '../../base/index.ts';
import type { Services } from '../services.ts';

/** Where something sends what it gives up. */
export interface FailureRelation {
  /** ARN of what gives up: a queue, topic, function or rule. */
  readonly from: string;
  /** ARN of the queue or topic that gets it. */
  readonly to: string;
  /** In words: `redrive policy of orders`. */
  readonly words: string;
  /** Of a queue: receives after which a message goes. */
  readonly receivesMax?: number;
  /** Of a queue: functions that read it. */
  readonly readers?: readonly string[];
}

/** Everything that has a dead-letter queue, or a destination for failures, of its own. */
function failureRelations({ sqs, sns, lambda, mappings, iot }: FailureSources): readonly FailureRelation[] {
  const queues = sqs.describe();
  const reading = Map.groupBy(mappings.mappings(), ({ mapping }) => mapping.sourceArn);
  const regions = new Set([DEFAULT_REGION, ...queues.map(({ arn }) => parseArn(arn)!.region)]);
  const inRegions = <T>(list: (region: string) => readonly T[]) => [...regions].flatMap(list);
  return [
    ...queues.flatMap(({ arn, name, redrive }) => {
      if (!redrive) return [];
      const readers = (reading.get(arn) ?? []).map(({ mapping }) => mapping.functionName);
      const { arn: to, receivesMax } = redrive;
      return [{ from: arn, to, words: `redrive policy of ${name}`, receivesMax, readers }];
    }),
    ...inRegions((region) => sns.subscriptions(region)).flatMap(({ topicArn, attributes }) => {
      const to = redriveTarget(attributes.RedrivePolicy);
      return to === undefined ? [] : [{ from: topicArn, to, words: `subscription of topic ${nameOf(topicArn)}` }];
    }),
    ...inRegions((region) => lambda.failureTargets(region)).map(
      ({ functionArn: from, functionName, targetArn: to }) => ({
        ...{ from, to },
        words: `function ${functionName}`,
      }),
    ),
    ...mappings.mappings().flatMap(({ mapping: { functionArn, functionName, settings } }) => {
      const from = functionArn.split(':').slice(0, 7).join(':');
      const to = settings.onFailureArn;
      return to === undefined ? [] : [{ from, to, words: `event source mapping of ${functionName}` }];
    }),
    ...iot.rules().flatMap(({ ruleName, region, errorAction }) => {
      const queue = errorAction?.sqs?.queueUrl.split('/').at(-1);
      if (queue === undefined) return [];
      const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:000000000000:${resource}`;
      return [
        { from: arn('iot', `rule/${ruleName}`), to: arn('sqs', queue), words: `error action of rule ${ruleName}` },
      ];
    }),
  ];
}

/** How long what is known of relations is good for: the flow asks each second, a page of letters for each of them. */
const GOOD_MS = 1000;

/** The relations of a node; `anew` for who must not miss what has just been made. */
export type Relations = (anew?: 'anew') => readonly FailureRelation[];

/** Remembers relations for a moment. */
export function rememberedRelations(sources: FailureSources, clock: Clock): Relations {
  let known: readonly FailureRelation[] = [];
  let knownUntil = Number.NEGATIVE_INFINITY;
  return (anew) => {
    const now = clock.monotonic();
    if (anew || now >= knownUntil) {
      known = failureRelations(sources);
      knownUntil = now + GOOD_MS;
    }
    return known;
  };
}

export type FailureSources = Pick<Services, 'sqs' | 'sns' | 'lambda' | 'mappings' | 'iot'>;

function redriveTarget(policy: string | undefined): string | undefined {
  if (!policy) return undefined;
  return (JSON.parse(policy) as { readonly deadLetterTargetArn?: string }).deadLetterTargetArn;
}

function nameOf(arn: string): string {
  return parseArn(arn)?.resource.split(/[:/]/).at(-1) ?? arn;
}
