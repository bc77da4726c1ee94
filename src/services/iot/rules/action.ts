import { ACCOUNT_ID, formatArn, parseArn } from '../../../base/index.ts';
import type { Delivery, RetryPolicy } from '../../../delivery/index.ts';
import type { TraceContext } from '../../../telemetry/index.ts';
import type { CommitGroup, GroupCommit } from '../broker/commit-group.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { ActionRight, RuleRights, StreamPort } from '../ports.ts';
import type { RuleMessage } from '../sql/message.ts';
import { compileTemplate, type Template } from '../sql/statement.ts';
import type { RepublishHeaders, RuleAction } from './rule.ts';

/** What an action knows beside its own settings. */
export interface ActionContext {
  readonly commit: GroupCommit;
  /** Where the message comes from, for the outbox and the flow picture. */
  readonly ruleArn: string;
  readonly region: string;
  readonly sqlVersion: string | undefined;
  /** What is given up goes to the rule's error action. */
  readonly hasErrorAction: boolean;
  /** Begins a trace for a message that brings none. */
  readonly newTrace: () => TraceContext;
  /** Absent holds nobody to their roles. */
  readonly rights: RuleRights | undefined;
}

/** The message that triggers the action, beside what the statement has made of it. */
export interface ActionMessage extends RuleMessage {
  /** The trace that the publisher has begun. */
  trace(): TraceContext | undefined;
  /** How often rules have republished it already. */
  readonly depth: number;
  /**
   * Has the message own its payload, for those who hold it longer than the call that gives it.
   *
   * @param payload  what the statement has made of it
   * @returns the same, or the message's own payload where it is that
   */
  keep(payload: Buffer): Buffer;
}

/** An action ready to run. */
export interface CompiledAction {
  /** As error messages name it: `KinesisAction`. */
  readonly name: string;
  /** What it acts on, for error messages. */
  readonly resource: string;
  /**
   * Queues what it does for the next group commit.
   *
   * @param owner  told later if it turns out that it can never be done
   * @throws DomainError  it cannot be done
   */
  run(message: ActionMessage, payload: Buffer, owner: ActionOwner): CommitGroup;
}

/** The rule that an action belongs to. */
export interface ActionOwner {
  /** Tells the error action; gives the group that this belongs to. */
  refused(action: CompiledAction, message: ActionMessage, error: unknown): CommitGroup | undefined;
}

/** What a delivery of a rule with an error action carries, for the day it is given up. */
export interface FailureOrigin {
  readonly topic: string;
  readonly clientId?: string;
  readonly failedAction: string;
  readonly failedResource: string;
  /** Absent where the delivery's own payload is the original. */
  readonly base64OriginalPayload?: string;
}

/** Actions hand over at least once, for a day at most; waits grow from a tenth of a second to a minute. */
const POLICY: RetryPolicy = {
  attemptsMax: IOT_LIMITS.actionAttemptsMax,
  ageMsMax: IOT_LIMITS.actionAgeMsMax,
  backoffMsBase: 100,
  backoffMsMax: 60_000,
};

/** Compiles one action. @throws IotError  a template does not parse, or the action is not one that we have */
export function compileAction(action: RuleAction, context: ActionContext): CompiledAction {
  const kinds = Object.entries(action).filter(([, value]) => value !== undefined);
  if (kinds.length !== 1) throw new IotError('request-invalid', 'An action must have exactly one type.');
  if (action.kinesis) return kinesisAction(action.kinesis, context);
  if (action.lambda) return lambdaAction(action.lambda, context);
  if (action.republish) return republishAction(action.republish, context);
  if (action.sqs) return sqsAction(action.sqs, context);
  if (action.sns) return snsAction(action.sns, context);
  if (action.http) return httpAction(action.http, context);
  throw new IotError('request-invalid', `The action ${kinds[0]![0]} is not supported.`);
}

type Settings<K extends keyof RuleAction> = NonNullable<RuleAction[K]>;

/** An action that acts with a role; asks before it does. */
type Check = (resource: string) => void;

/** @throws IotError forbidden  (the check) the role may not do that */
function checkOf({ rights, ruleArn }: ActionContext, roleArn: string, action: ActionRight['action']): Check {
  if (!rights) return () => {};
  return (resource) => {
    const refusal = rights.refusal({ roleArn, ruleArn, action, resource });
    if (refusal !== undefined) throw new IotError('forbidden', refusal);
  };
}

function kinesisAction(settings: Settings<'kinesis'>, context: ActionContext): CompiledAction {
  const { commit, sqlVersion } = context;
  const streamName = compileTemplate(settings.streamName, sqlVersion);
  // Without a key the records spread evenly.
  const partitionKey = compileTemplate(settings.partitionKey ?? '${newuuid()}', sqlVersion);
  let known: { readonly name: string; readonly stream: StreamPort } | undefined;
  const streamOf = (name: string): StreamPort => {
    if (known?.name !== name || known.stream.isDeleted) known = { name, stream: commit.stream(name, context.region) };
    return known.stream;
  };
  const check = checkOf(context, settings.roleArn, 'kinesis:PutRecord');
  return {
    name: 'KinesisAction',
    resource: settings.streamName,
    run: (message, payload) => {
      const name = streamName(message);
      check(formatArn('kinesis', context.region, ACCOUNT_ID, `stream/${name}`));
      return commit.append(streamOf(name), partitionKey(message), payload, message.trace());
    },
  };
}

function lambdaAction({ functionArn }: Settings<'lambda'>, context: ActionContext): CompiledAction {
  const target = compileTemplate(functionArn, context.sqlVersion);
  return delivering('LambdaAction', functionArn, context, (message, payload) => ({
    arn: checkArn(target(message), 'lambda'),
    payload,
  }));
}

const ARN_NAMES = { lambda: 'a function', sns: 'a topic' } as const;

/**
 * The outbox delivers to whatever an ARN names: an action reaches its own kind alone, else it would pass by the right that the other
 * kind is asked for.
 *
 * @throws IotError request-invalid
 */
function checkArn(arn: string, service: keyof typeof ARN_NAMES): string {
  if (parseArn(arn)?.service === service) return arn;
  throw new IotError('request-invalid', `${arn} is not the ARN of ${ARN_NAMES[service]}`);
}

/** @throws IotError request-invalid  it is an ARN, or no URL */
function checkUrl(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new IotError('request-invalid', `${url} is not the URL of an endpoint`);
}

/** Checks what an action names outright; what the message says is checked when it does. @throws IotError request-invalid */
export function checkAddress({ lambda, sns, http }: RuleAction): void {
  const isPlain = (text: string | undefined) => text !== undefined && !text.includes('${');
  if (isPlain(lambda?.functionArn)) checkArn(lambda!.functionArn, 'lambda');
  if (isPlain(sns?.targetArn)) checkArn(sns!.targetArn, 'sns');
  if (isPlain(http?.url)) checkUrl(http!.url);
}

function sqsAction({ queueUrl, useBase64, roleArn }: Settings<'sqs'>, context: ActionContext): CompiledAction {
  const url = compileTemplate(queueUrl, context.sqlVersion);
  const check = checkOf(context, roleArn, 'sqs:SendMessage');
  return delivering('SqsAction', queueUrl, context, (message, payload) => {
    const arn = queueArn(url(message), context.region);
    check(arn);
    return { arn, payload: useBase64 ? Buffer.from(payload.toString('base64')) : payload };
  });
}

/** `http://host:port/000000000000/name` names the queue of that account; the region is in AWS's hosts only. */
function queueArn(url: string, region: string): string {
  const match = /^https?:\/\/([^/]+)\/([0-9]{12})\/([^/]+)$/.exec(url);
  if (!match) throw new IotError('request-invalid', `${url} is not the URL of a queue`);
  const [, host, account, name] = match as unknown as [string, string, string, string];
  return formatArn('sqs', /^sqs\.([a-z0-9-]+)\./.exec(host)?.[1] ?? region, account, name);
}

function snsAction({ targetArn, messageFormat, roleArn }: Settings<'sns'>, context: ActionContext): CompiledAction {
  const target = compileTemplate(targetArn, context.sqlVersion);
  const check = checkOf(context, roleArn, 'sns:Publish');
  const attributes = messageFormat === 'JSON' ? { messageStructure: 'json' } : undefined;
  return delivering('SnsAction', targetArn, context, (message, payload) => {
    const arn = checkArn(target(message), 'sns');
    check(arn);
    return { arn, payload, ...(attributes && { attributes }) };
  });
}

/** Posts to a URL. Unlike AWS, we ask no confirmation of the destination: the rule's owner is the node's. */
function httpAction({ url, headers = [], auth }: Settings<'http'>, context: ActionContext): CompiledAction {
  if (auth !== undefined) throw new IotError('request-invalid', 'The auth of an http action is not supported.');
  const target = compileTemplate(url, context.sqlVersion);
  const lines = headers.map(
    ({ key, value }) => [key.toLowerCase(), compileTemplate(value, context.sqlVersion)] as const,
  );
  return delivering('HttpAction', url, context, (message, payload) => ({
    arn: checkUrl(target(message)),
    payload,
    attributes: { headers: Object.fromEntries(lines.map(([key, value]) => [key, value(message)])) },
  }));
}

function republishAction(settings: Settings<'republish'>, context: ActionContext): CompiledAction {
  const topic = compileTemplate(settings.topic, context.sqlVersion);
  const headers = compileHeaders(settings.headers, context.sqlVersion);
  const check = checkOf(context, settings.roleArn, 'iot:Publish');
  return delivering('RepublishAction', settings.topic, context, (message, payload) => {
    const name = topic(message);
    const arn = formatArn('iot', context.region, ACCOUNT_ID, `topic/${name}`);
    check(arn);
    return {
      arn,
      payload,
      attributes: { qos: settings.qos ?? 0, ...headers?.(message), depth: message.depth + 1 },
      // Order on a topic is the order of publishing.
      orderingGroup: name,
    };
  });
}

function compileHeaders(
  headers: RepublishHeaders | undefined,
  sqlVersion: string | undefined,
): ((message: RuleMessage) => Record<string, unknown>) | undefined {
  if (!headers) return undefined;
  const { userProperties = [], ...texts } = headers;
  const single = Object.entries(texts).map(([name, text]) => [name, compileTemplate(text, sqlVersion)] as const);
  const pairs = userProperties.map(({ key, value }): readonly [Template, Template] => [
    compileTemplate(key, sqlVersion),
    compileTemplate(value, sqlVersion),
  ]);
  return (message) => ({
    ...Object.fromEntries(single.map(([name, template]) => [name, template(message)])),
    ...(pairs.length > 0 && { userProperties: pairs.map(([key, value]) => [key(message), value(message)]) }),
  });
}

type Addressed = Pick<Delivery, 'arn' | 'payload' | 'attributes' | 'orderingGroup'>;

/** An action that hands its message to the outbox. */
function delivering(
  name: string,
  resource: string,
  { commit, ruleArn, newTrace, hasErrorAction }: ActionContext,
  address: (message: ActionMessage, payload: Buffer) => Addressed,
): CompiledAction {
  const action: CompiledAction = {
    name,
    resource,
    run: (message, payload, owner) => {
      const refused = (error: unknown) => owner.refused(action, message, error);
      const addressed = address(message, message.keep(payload));
      const delivery = { ...addressed, policy: POLICY, source: ruleArn, trace: message.trace() ?? newTrace() };
      if (!hasErrorAction) return commit.send({ delivery, refused });
      const origin = originOf(name, resource, message, addressed.payload);
      const attributes = { ...addressed.attributes, rule: origin };
      return commit.send({ delivery: { ...delivery, attributes, deadLetterArn: ruleArn }, refused });
    },
  };
  return action;
}

/** Attributes of a delivery have 64 KiB: a larger original is left out, and what was delivered stands in its place. */
const ORIGINAL_BYTES_MAX = 40 * 1024;

function originOf(
  failedAction: string,
  failedResource: string,
  message: ActionMessage,
  delivered: Uint8Array,
): FailureOrigin {
  const { topic, clientId, payload } = message;
  const differs = delivered !== payload && payload.length <= ORIGINAL_BYTES_MAX;
  return {
    topic,
    ...(clientId !== undefined && { clientId }),
    failedAction,
    failedResource,
    ...(differs && { base64OriginalPayload: payload.toString('base64') }),
  };
}
