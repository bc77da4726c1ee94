import { type Clock, hasCode, messageOf, type Random, uuid } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Counter, Logger, Metrics } from '../../../telemetry/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import type { CommitGroup, GroupCommit } from '../broker/commit-group.ts';
import type { Publisher } from '../broker/message.ts';
import { TopicTrie } from '../broker/trie.ts';
import { IotError } from '../errors.ts';
import type { RuleRights } from '../ports.ts';
import { type CompiledStatement, compileStatement } from '../sql/statement.ts';
import {
  type ActionMessage,
  type ActionOwner,
  type CompiledAction,
  compileAction,
  type FailureOrigin,
} from './action.ts';
import { RuleInput } from './input.ts';
import type { RuleAction, TopicRule } from './rule.ts';

/** A rule ready to run. */
export interface CompiledRule extends ActionOwner {
  readonly name: string;
  readonly statement: CompiledStatement;
  readonly actions: readonly CompiledAction[];
  readonly errorAction: CompiledAction | undefined;
  readonly matched: Counter;
  readonly failed: Counter;
}

interface Failure {
  readonly failedAction: string;
  readonly failedResource: string;
  readonly errorMessage: string;
}

/** Runs the enabled rules. Their storing is the business of {@link TopicRules}. */
export class RuleEngine {
  readonly #trie = new TopicTrie<CompiledRule>();
  readonly #byName = new Map<string, CompiledRule>();
  readonly #commit: GroupCommit;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #rights: RuleRights | undefined;

  constructor(parts: {
    readonly commit: GroupCommit;
    readonly rights?: RuleRights | undefined;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly metrics: Metrics;
  }) {
    this.#commit = parts.commit;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#metrics = parts.metrics;
    this.#rights = parts.rights;
  }

  /** Resolves when rules may run. */
  async ready(): Promise<void> {
    await this.#rights?.ready();
  }

  /** Changes whenever another set of rules may match a topic. */
  get version(): number {
    return this.#trie.version;
  }

  /** Compiles a rule without running it. @throws IotError  what is wrong with it */
  compile(rule: TopicRule, ruleArn: string): CompiledRule {
    const { ruleName, sql, awsIotSqlVersion, region } = rule;
    const trace = () => newTrace(this.#random);
    const context = {
      ...{ commit: this.#commit, rights: this.#rights, ruleArn, region },
      ...{ sqlVersion: awsIotSqlVersion, newTrace: trace },
    };
    const compileOne = (action: RuleAction, hasErrorAction = false) =>
      compileAction(action, { ...context, hasErrorAction });
    const counter = (name: string, help: string) => this.#metrics.counter(name, help, { rule: ruleName });
    const compiled: CompiledRule = {
      name: ruleName,
      statement: compileStatement(sql, awsIotSqlVersion),
      actions: rule.actions.map((action) => compileOne(action, rule.errorAction !== undefined)),
      errorAction: rule.errorAction && compileOne(rule.errorAction),
      matched: counter('millrace_iot_rule_matches_total', 'Messages that a rule has handed to its actions'),
      failed: counter('millrace_iot_rule_failures_total', 'Messages that a rule or one of its actions has failed on'),
      refused: (action, message, error) => this.#runErrorAction(compiled, message, [failureOf(action, error)]),
    };
    return compiled;
  }

  /** Lets the rule run from now on, in place of the one of its name. */
  enable(rule: CompiledRule): void {
    this.disable(rule.name);
    this.#byName.set(rule.name, rule);
    if (rule.statement.topicFilter !== undefined) this.#trie.add(rule.statement.topicFilter, rule);
  }

  disable(name: string): void {
    const rule = this.#byName.get(name);
    if (!rule) return;
    this.#byName.delete(name);
    if (rule.statement.topicFilter !== undefined) this.#trie.delete(rule.statement.topicFilter, rule);
  }

  enabled(name: string): CompiledRule | undefined {
    return this.#byName.get(name);
  }

  /** Rules whose topic filter matches, in order of their names. */
  match(levels: readonly string[]): readonly CompiledRule[] {
    return this.#trie.match(levels).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether a rule may match topics that begin with these levels and go on. */
  leadsBelow(levels: readonly string[]): boolean {
    return this.#trie.leadsBelow(levels);
  }

  /** Runs rules on a message; returns the group that their actions belong to, if any acted. */
  run(
    rules: readonly CompiledRule[],
    packet: mqtt.PublishPacket,
    levels: readonly string[],
    publisher: Publisher,
  ): CommitGroup | undefined {
    const input = new RuleInput(packet, levels, publisher, this.#clock.now(), this.#random);
    let group: CommitGroup | undefined;
    for (const rule of rules) {
      const own = this.#runOne(rule, input);
      // A failed one decides, whatever the other rules have achieved.
      if (own && group?.state !== 'failed') group = own;
    }
    return group;
  }

  #runOne(rule: CompiledRule, input: RuleInput): CommitGroup | undefined {
    const payload = this.#evaluate(rule, input);
    if (payload === undefined) return undefined;
    rule.matched.add();
    let group: CommitGroup | undefined;
    let failures: Failure[] | undefined;
    for (const action of rule.actions) {
      try {
        group = action.run(input, payload, rule);
      } catch (error) {
        if (isStoreRefusal(error)) return this.#commit.failed(error);
        failures ??= [];
        failures.push(failureOf(action, error));
      }
    }
    return failures ? (this.#runErrorAction(rule, input, failures) ?? group) : group;
  }

  /** What the actions get; `undefined` when the rule does not run, for WHERE or for a payload it cannot read. */
  #evaluate(rule: CompiledRule, input: RuleInput): Buffer | undefined {
    if (rule.statement.passesThrough) return input.payload;
    try {
      return rule.statement.evaluate(input);
    } catch (error) {
      rule.failed.add();
      this.#logger.debug('rule not run', { rule: rule.name, topic: input.topic, error: messageOf(error) });
      return undefined;
    }
  }

  /** One message per rule and publish, whatever number of actions has failed. */
  #runErrorAction(rule: CompiledRule, input: ActionMessage, failures: readonly Failure[]): CommitGroup | undefined {
    rule.failed.add();
    this.#logger.debug('rule action failed', { rule: rule.name, topic: input.topic, failures });
    if (!rule.errorAction) return undefined;
    const failed = (error: unknown): undefined => {
      this.#logger.warn('rule error action failed', { rule: rule.name, topic: input.topic, error });
    };
    const owner: ActionOwner = { refused: (_action, _message, error) => failed(error) };
    try {
      return rule.errorAction.run(input, errorPayload(rule.name, input, failures, uuid(this.#random)), owner);
    } catch (error) {
      return failed(error);
    }
  }

  /** The outbox has given up a delivery of the rule: its error action takes it over. @throws IotError rule-not-found */
  givenUp(name: string, origin: FailureOrigin, delivered: Buffer, errorMessage: string): CommitGroup | undefined {
    const rule = this.#byName.get(name);
    if (!rule) throw new IotError('rule-not-found', `there is no enabled rule ${name}`);
    const { topic, clientId, failedAction, failedResource, base64OriginalPayload } = origin;
    const payload = base64OriginalPayload === undefined ? delivered : Buffer.from(base64OriginalPayload, 'base64');
    const publisher = { clientId, principal: undefined };
    const packet = { ...EMPTY_PUBLISH, topic, payload };
    const input = new RuleInput(packet, topic.split('/'), publisher, this.#clock.now(), this.#random);
    return this.#runErrorAction(rule, input, [{ failedAction, failedResource, errorMessage }]);
  }
}

const EMPTY_PUBLISH: mqtt.PublishPacket = {
  type: 'publish',
  topic: '',
  payload: Buffer.alloc(0),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
  properties: mqtt.NO_PROPERTIES,
};

function failureOf(action: CompiledAction, error: unknown): Failure {
  return { failedAction: action.name, failedResource: action.resource, errorMessage: messageOf(error) };
}

/** The log takes no more: no matter of the rule, so nothing is acknowledged and the device sends again. */
function isStoreRefusal(error: unknown): boolean {
  return hasCode(error, 'log-busy') || hasCode(error, 'log-full') || hasCode(error, 'log-failed');
}

/** @see AWS IoT developer guide, "Error action message format" */
function errorPayload(
  ruleName: string,
  input: ActionMessage,
  failures: readonly Failure[],
  cloudwatchTraceId: string,
): Buffer {
  return Buffer.from(
    JSON.stringify({
      ruleName,
      topic: input.topic,
      cloudwatchTraceId,
      clientId: input.clientId ?? 'N/A',
      base64OriginalPayload: input.payload.toString('base64'),
      failures,
    }),
  );
}
