import { ACCOUNT_ID, type Clock, formatArn, hasCode } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import { compileStatement, SQL_VERSIONS } from '../sql/statement.ts';
import { checkAddress } from './action.ts';
import type { RuleEngine } from './engine.ts';
import type { TopicRule } from './rule.ts';

/** What the API takes to make or replace a rule. */
export interface TopicRulePayload {
  readonly sql: string;
  readonly description?: string;
  readonly actions: TopicRule['actions'];
  readonly ruleDisabled?: boolean;
  readonly awsIotSqlVersion?: string;
  readonly errorAction?: TopicRule['errorAction'];
}

export function ruleArn({ ruleName, region }: Pick<TopicRule, 'ruleName' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `rule/${ruleName}`);
}

/** Topic rules: stored, and running when they are enabled. */
export class TopicRules {
  readonly #registry: Registry<TopicRule>;
  readonly #engine: RuleEngine;
  readonly #clock: Clock;

  private constructor(registry: Registry<TopicRule>, engine: RuleEngine, clock: Clock) {
    this.#registry = registry;
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Reads the stored rules and lets the enabled ones run. */
  static async open(records: Records, engine: RuleEngine, clock: Clock): Promise<TopicRules> {
    const registry = await Registry.open<TopicRule>(records, 'iot.rules');
    const rules = new TopicRules(registry, engine, clock);
    if (registry.size > 0) await engine.ready();
    for (const rule of registry.list()) rules.#apply(rule);
    return rules;
  }

  /** @throws IotError  rule-exists, sql-invalid, request-invalid, limit-exceeded */
  async create(ruleName: string, payload: TopicRulePayload, region: string): Promise<void> {
    const existing = this.#registry.get(ruleName);
    if (existing) throw ruleExists(existing);
    if (this.#registry.size >= IOT_LIMITS.rulesMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.rulesMax} rules is reached.`);
    }
    const rule = this.#checked({ ruleName, region, createdAt: this.#clock.now() }, payload);
    await this.#engine.ready();
    try {
      await this.#registry.create(ruleName, rule);
    } catch (error) {
      throw hasCode(error, 'already-exists') ? ruleExists(rule) : error;
    }
    this.#apply(rule);
  }

  /** @throws IotError  rule-not-found, sql-invalid, request-invalid */
  async replace(ruleName: string, payload: TopicRulePayload): Promise<void> {
    await this.#store(this.#checked(this.get(ruleName), payload));
  }

  /** @throws IotError  rule-not-found */
  async setEnabled(ruleName: string, enabled: boolean): Promise<void> {
    await this.#store({ ...this.get(ruleName), ruleDisabled: !enabled });
  }

  /** Deleting a rule that is not there is no error, as on AWS. */
  async delete(ruleName: string): Promise<void> {
    await this.#registry.delete(ruleName);
    this.#engine.disable(ruleName);
  }

  find(ruleName: string): TopicRule | undefined {
    return this.#registry.get(ruleName);
  }

  /** @throws IotError  rule-not-found */
  get(ruleName: string): TopicRule {
    const rule = this.#registry.get(ruleName);
    if (rule) return rule;
    throw new IotError('rule-not-found', `Access to TopicRule '${ruleName}' was denied`);
  }

  /** All rules in order of their names. */
  list(): readonly TopicRule[] {
    return this.#registry.list();
  }

  async #store(rule: TopicRule): Promise<void> {
    await this.#registry.put(rule.ruleName, rule);
    this.#apply(rule);
  }

  #apply(rule: TopicRule): void {
    if (rule.ruleDisabled) this.#engine.disable(rule.ruleName);
    else this.#engine.enable(this.#engine.compile(rule, ruleArn(rule)));
  }

  #checked(identity: Pick<TopicRule, 'ruleName' | 'region' | 'createdAt'>, payload: TopicRulePayload): TopicRule {
    const { ruleName, region, createdAt } = identity;
    const { sql, description, actions, ruleDisabled = false, awsIotSqlVersion, errorAction } = payload;
    if (awsIotSqlVersion !== undefined && !SQL_VERSIONS.some((version) => version === awsIotSqlVersion)) {
      throw new IotError('request-invalid', `awsIotSqlVersion must be one of ${SQL_VERSIONS.join(', ')}`);
    }
    if (actions.length > IOT_LIMITS.actionsPerRuleMax) {
      throw new IotError('request-invalid', `A rule has at most ${IOT_LIMITS.actionsPerRuleMax} actions.`);
    }
    const rule: TopicRule = {
      ruleName,
      sql,
      ...(description !== undefined && { description }),
      actions,
      ruleDisabled,
      ...(awsIotSqlVersion !== undefined && { awsIotSqlVersion }),
      ...(errorAction && { errorAction }),
      createdAt,
      region,
    };
    this.#engine.compile(rule, ruleArn(rule));
    for (const action of [...actions, ...(errorAction ? [errorAction] : [])]) checkAddress(action);
    return rule;
  }
}

/** The topic filter of a stored rule, for lists; empty in a rule for Basic Ingest alone. */
export function topicPatternOf(rule: TopicRule): string {
  return compileStatement(rule.sql, rule.awsIotSqlVersion).topicFilter ?? '';
}

function ruleExists(rule: TopicRule): IotError {
  const { ruleName } = rule;
  const fields = { resourceId: ruleName, resourceArn: ruleArn(rule) };
  return new IotError('rule-exists', `Rule already exists: ${ruleName}`, { fields });
}
