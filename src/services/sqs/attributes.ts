import { parseArn } from '../../base/index.ts';
import { SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';

/** Queue attributes as the API spells them: name to text. */
export type QueueAttributes = Readonly<Record<string, string>>;

/** What a queue goes by, from its attributes, with units. */
export interface QueueSettings {
  readonly fifo: boolean;
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly retentionMs: number;
  readonly waitMs: number;
  readonly messageBytesMax: number;
  readonly contentDeduplication: boolean;
  readonly deduplicationScope: 'queue' | 'messageGroup';
  readonly redrive?: { readonly arn: string; readonly receivesMax: number };
}

interface Rule {
  readonly fallback?: string;
  readonly check: (value: string) => boolean;
  readonly fifoOnly?: boolean;
}

const whole = (min: number, max: number) => (value: string) =>
  /^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max;
const oneOf =
  (...values: readonly string[]) =>
  (value: string) =>
    values.includes(value);
const anything = () => true;

/** Attributes that may be set. @see SQS API reference, SetQueueAttributes */
const RULES: Readonly<Record<string, Rule>> = {
  __proto__: null as never,
  DelaySeconds: { fallback: '0', check: whole(0, SQS_LIMITS.delaySecondsMax) },
  MaximumMessageSize: { fallback: '1048576', check: whole(1024, SQS_LIMITS.messageBytesMax) },
  MessageRetentionPeriod: { fallback: '345600', check: whole(60, 1_209_600) },
  ReceiveMessageWaitTimeSeconds: { fallback: '0', check: whole(0, SQS_LIMITS.waitSecondsMax) },
  VisibilityTimeout: { fallback: '30', check: whole(0, SQS_LIMITS.visibilitySecondsMax) },
  Policy: { check: (value) => value === '' || isJson(value) },
  RedrivePolicy: { check: (value) => value === '' || parseRedrive(value) !== undefined },
  RedriveAllowPolicy: { check: (value) => value === '' || isJson(value) },
  KmsMasterKeyId: { check: anything },
  KmsDataKeyReusePeriodSeconds: { check: whole(60, 86_400) },
  SqsManagedSseEnabled: { fallback: 'true', check: oneOf('true', 'false') },
  FifoQueue: { check: oneOf('true'), fifoOnly: true },
  ContentBasedDeduplication: { check: oneOf('true', 'false'), fifoOnly: true },
  DeduplicationScope: { check: oneOf('queue', 'messageGroup'), fifoOnly: true },
  FifoThroughputLimit: { check: oneOf('perQueue', 'perMessageGroupId'), fifoOnly: true },
};

const FIFO_DEFAULTS: QueueAttributes = {
  FifoQueue: 'true',
  ContentBasedDeduplication: 'false',
  DeduplicationScope: 'queue',
  FifoThroughputLimit: 'perQueue',
};

/** All attributes of a new queue. @throws attribute-unknown, attribute-invalid */
export function initialAttributes(given: QueueAttributes, fifo: boolean): QueueAttributes {
  const defaults = Object.entries(RULES).flatMap(([name, { fallback }]) =>
    fallback === undefined ? [] : [[name, fallback]],
  );
  return changedAttributes({ ...Object.fromEntries(defaults), ...(fifo ? FIFO_DEFAULTS : {}) }, given, fifo);
}

/** Attributes with changes applied; an empty policy takes it away. @throws attribute-unknown, attribute-invalid */
export function changedAttributes(current: QueueAttributes, changes: QueueAttributes, fifo: boolean): QueueAttributes {
  const changed: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(changes)) {
    const rule = RULES[name];
    if (!rule || (rule.fifoOnly && !fifo)) throw new SqsError('attribute-unknown', `Unknown Attribute ${name}.`);
    if (!rule.check(value)) throw new SqsError('attribute-invalid', `Invalid value for the parameter ${name}.`);
    if (value === '') delete changed[name];
    else changed[name] = name === 'RedrivePolicy' ? normalRedrive(value) : value;
  }
  return changed;
}

/** Names of the given attributes whose values differ from those there are. */
export function differing(current: QueueAttributes, given: QueueAttributes): readonly string[] {
  return Object.keys(given).filter((name) => {
    const value = name === 'RedrivePolicy' ? normalRedrive(given[name]!) : given[name];
    return (current[name] ?? '') !== value;
  });
}

export function settingsOf(attributes: QueueAttributes): QueueSettings {
  const number = (name: string) => Number(attributes[name]);
  const redrive = attributes.RedrivePolicy === undefined ? undefined : parseRedrive(attributes.RedrivePolicy);
  return {
    fifo: attributes.FifoQueue === 'true',
    visibilityMs: number('VisibilityTimeout') * 1000,
    delayMs: number('DelaySeconds') * 1000,
    retentionMs: number('MessageRetentionPeriod') * 1000,
    waitMs: number('ReceiveMessageWaitTimeSeconds') * 1000,
    messageBytesMax: number('MaximumMessageSize'),
    contentDeduplication: attributes.ContentBasedDeduplication === 'true',
    deduplicationScope: attributes.DeduplicationScope === 'messageGroup' ? 'messageGroup' : 'queue',
    ...(redrive && { redrive }),
  };
}

/** `{"deadLetterTargetArn":"...","maxReceiveCount":5}`; the count may be text, as the console sends it. */
function parseRedrive(text: string): QueueSettings['redrive'] {
  if (!isJson(text)) return undefined;
  const { deadLetterTargetArn: arn, maxReceiveCount } = JSON.parse(text) as Record<string, unknown>;
  const receivesMax = Number(maxReceiveCount);
  if (typeof arn !== 'string' || parseArn(arn)?.service !== 'sqs') return undefined;
  return Number.isInteger(receivesMax) && receivesMax >= 1 && receivesMax <= 1000 ? { arn, receivesMax } : undefined;
}

function normalRedrive(text: string): string {
  const redrive = parseRedrive(text);
  if (!redrive) return text;
  return JSON.stringify({ deadLetterTargetArn: redrive.arn, maxReceiveCount: redrive.receivesMax });
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
