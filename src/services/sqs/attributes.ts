import { ACCOUNT_ID, parseArn } from '../../base/index.ts';
import { parameterInvalid, SqsError } from './errors.ts';
import { checkPolicy } from './grants.ts';
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
  readonly redrive?: Redrive;
}

export interface Redrive {
  readonly arn: string;
  readonly receivesMax: number;
}

/** Which queues may name this one as their dead-letter queue. */
export type RedriveAllow =
  | { readonly permission: 'allowAll' | 'denyAll' }
  | { readonly permission: 'byQueue'; readonly sources: readonly string[] };

interface Rule {
  readonly fallback?: string;
  /** False is answered with InvalidAttributeValue; throws where AWS says more. */
  readonly check: (value: string) => boolean;
  readonly fifoOnly?: true;
  /** An empty value takes the attribute away. */
  readonly clearable?: true;
}

const whole = (min: number, max: number) => (value: string) =>
  /^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max;
const oneOf =
  (...values: readonly string[]) =>
  (value: string) =>
    values.includes(value);

/** Attributes that may be set. @see SQS API reference, SetQueueAttributes */
const RULES: Readonly<Record<string, Rule>> = {
  __proto__: null as never,
  DelaySeconds: { fallback: '0', check: whole(0, SQS_LIMITS.delaySecondsMax) },
  MaximumMessageSize: { fallback: '1048576', check: whole(1024, SQS_LIMITS.messageBytesMax) },
  MessageRetentionPeriod: { fallback: '345600', check: whole(60, 1_209_600) },
  ReceiveMessageWaitTimeSeconds: { fallback: '0', check: whole(0, SQS_LIMITS.waitSecondsMax) },
  VisibilityTimeout: { fallback: '30', check: whole(0, SQS_LIMITS.visibilitySecondsMax) },
  Policy: { clearable: true, check: checkPolicy },
  RedrivePolicy: { clearable: true, check: (value) => parseRedrive(value) !== undefined },
  RedriveAllowPolicy: { clearable: true, check: (value) => parseRedriveAllow(value) !== undefined },
  KmsMasterKeyId: { clearable: true, check: (value) => value.length <= 2048 },
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

/** All attributes of a new queue. @throws attribute-unknown, attribute-invalid, parameter-invalid */
export function initialAttributes(given: QueueAttributes, fifo: boolean): QueueAttributes {
  const defaults = Object.entries(RULES).flatMap(([name, { fallback }]) =>
    fallback === undefined ? [] : [[name, fallback]],
  );
  return changedAttributes({ ...Object.fromEntries(defaults), ...(fifo ? FIFO_DEFAULTS : {}) }, given, fifo);
}

/**
 * Attributes with changes applied; an empty policy takes it away.
 * @throws attribute-unknown, attribute-invalid, parameter-invalid
 */
export function changedAttributes(current: QueueAttributes, changes: QueueAttributes, fifo: boolean): QueueAttributes {
  const changed: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(changes)) {
    const rule = RULES[name];
    if (!rule || (rule.fifoOnly && !fifo)) throw new SqsError('attribute-unknown', `Unknown Attribute ${name}.`);
    if (rule.clearable && value === '') delete changed[name];
    else if (rule.check(value)) changed[name] = name === 'RedrivePolicy' ? normalRedrive(value) : value;
    else throw attributeInvalid(name);
  }
  applyEncryption(changed, changes);
  checkThroughput(changed);
  return changed;
}

/** Names of the given attributes whose values differ from those there are. */
export function differing(current: QueueAttributes, given: QueueAttributes): readonly string[] {
  return Object.keys(given).filter((name) => {
    const value = name === 'RedrivePolicy' && given[name] !== '' ? normalRedrive(given[name]!) : given[name];
    return (current[name] ?? '') !== value;
  });
}

export function settingsOf(attributes: QueueAttributes): QueueSettings {
  const number = (name: string) => Number(attributes[name]);
  const redrive = redriveOf(attributes);
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

export function redriveOf({ RedrivePolicy }: QueueAttributes): Redrive | undefined {
  return RedrivePolicy === undefined ? undefined : parseRedrive(RedrivePolicy);
}

export function redriveAllowOf({ RedriveAllowPolicy }: QueueAttributes): RedriveAllow {
  const parsed = RedriveAllowPolicy === undefined ? undefined : parseRedriveAllow(RedriveAllowPolicy);
  return parsed ?? { permission: 'allowAll' };
}

/** A queue is encrypted one way: naming a key turns the other way off. */
function applyEncryption(changed: Record<string, string>, changes: QueueAttributes): void {
  if (!changes.KmsMasterKeyId) {
    if (changed.KmsMasterKeyId !== undefined && changes.SqsManagedSseEnabled === 'true') delete changed.KmsMasterKeyId;
    if (changed.KmsMasterKeyId === undefined) delete changed.KmsDataKeyReusePeriodSeconds;
    return;
  }
  if (changes.SqsManagedSseEnabled === 'true') {
    throw new SqsError(
      'attribute-unknown',
      'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
    );
  }
  changed.SqsManagedSseEnabled = 'false';
  changed.KmsDataKeyReusePeriodSeconds ??= '300';
}

function checkThroughput({ FifoThroughputLimit, DeduplicationScope }: QueueAttributes): void {
  if (FifoThroughputLimit !== 'perMessageGroupId' || DeduplicationScope === 'messageGroup') return;
  const reason = 'The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.';
  throw new SqsError(
    'attribute-invalid',
    `Value perMessageGroupId for parameter FifoThroughputLimit is invalid. Reason: ${reason}`,
  );
}

/** `{"deadLetterTargetArn":"...","maxReceiveCount":5}`; the count may be text, as the console sends it. @throws parameter-invalid */
function parseRedrive(text: string): Redrive {
  const refuse = (reason: string) => parameterInvalid(text, 'RedrivePolicy', reason);
  const policy = jsonObject(text);
  if (!policy) throw refuse('Redrive policy is not a valid JSON map.');
  for (const name of ['deadLetterTargetArn', 'maxReceiveCount']) {
    if (policy[name] === undefined) throw refuse(`Redrive policy does not contain mandatory attribute: ${name}.`);
  }
  const { deadLetterTargetArn: arn, maxReceiveCount } = policy;
  const parsed = typeof arn === 'string' ? parseArn(arn) : undefined;
  if (parsed?.service !== 'sqs') throw refuse('Invalid value for deadLetterTargetArn.');
  if (parsed.account !== ACCOUNT_ID) throw refuse('Dead-letter target owner should be same as the source.');
  const receivesMax = Number(maxReceiveCount);
  if (!Number.isInteger(receivesMax) || receivesMax < 1 || receivesMax > 1000) {
    const range = 'valid values are from 1 to 1000 both inclusive.';
    throw refuse(`Invalid value for maxReceiveCount: ${String(maxReceiveCount)}, ${range}`);
  }
  return { arn: arn as string, receivesMax };
}

function normalRedrive(text: string): string {
  const { arn, receivesMax } = parseRedrive(text);
  return JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: receivesMax });
}

/** `{"redrivePermission":"byQueue","sourceQueueArns":["..."]}`. @throws parameter-invalid */
function parseRedriveAllow(text: string): RedriveAllow {
  const refuse = (reason: string) => parameterInvalid(text, 'RedriveAllowPolicy', reason);
  const policy = jsonObject(text);
  if (!policy) throw refuse('Redrive allow policy is not a valid JSON map.');
  const { redrivePermission: permission, sourceQueueArns: sources } = policy;
  if (permission === 'allowAll' || permission === 'denyAll') {
    if (sources !== undefined) throw refuse('sourceQueueArns is allowed only when redrivePermission is byQueue.');
    return { permission };
  }
  if (permission !== 'byQueue') throw refuse('redrivePermission must be allowAll, denyAll or byQueue.');
  const areArns = Array.isArray(sources) && sources.every((arn) => parseArn(String(arn))?.service === 'sqs');
  if (!areArns || sources.length === 0 || sources.length > SQS_LIMITS.redriveSourcesMax) {
    throw refuse(
      `sourceQueueArns must name 1 to ${SQS_LIMITS.redriveSourcesMax} queues when redrivePermission is byQueue.`,
    );
  }
  return { permission, sources: sources as string[] };
}

function attributeInvalid(name: string): SqsError {
  return new SqsError('attribute-invalid', `Invalid value for the parameter ${name}.`);
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
