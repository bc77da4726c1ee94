import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { page } from '../pagination.ts';
import type { TopicRule } from '../rules/rule.ts';
import { ruleArn, type TopicRulePayload, type TopicRules, topicPatternOf } from '../rules/rules.ts';
import type { Tag, Tags } from '../tags.ts';

interface Named {
  readonly ruleName: string;
}

interface ListInput {
  readonly topic?: string;
  readonly maxResults?: number;
  readonly nextToken?: string;
  readonly ruleDisabled?: boolean;
}

/** CreateTopicRule and its family. */
export function topicRuleOperations(rules: TopicRules, tags: Tags) {
  return {
    CreateTopicRule: async (
      { ruleName, topicRulePayload, tags: given }: Named & { topicRulePayload: TopicRulePayload; tags?: string },
      { region }: OperationContext,
    ) => {
      await rules.create(ruleName, topicRulePayload, region);
      if (given !== undefined) await tags.add(ruleArn({ ruleName, region }), tagsOf(given));
      return {};
    },
    ReplaceTopicRule: async ({ ruleName, topicRulePayload }: Named & { topicRulePayload: TopicRulePayload }) => {
      await rules.replace(ruleName, topicRulePayload);
      return {};
    },
    GetTopicRule: ({ ruleName }: Named) => {
      const rule = rules.get(ruleName);
      const { region: _region, createdAt, ...described } = rule;
      return { ruleArn: ruleArn(rule), rule: { ...described, createdAt: new Date(createdAt) } };
    },
    ListTopicRules: ({ topic, maxResults, nextToken, ruleDisabled }: ListInput) => {
      const wanted = rules
        .list()
        .filter((rule) => ruleDisabled === undefined || rule.ruleDisabled === ruleDisabled)
        .map(listItem)
        .filter(({ topicPattern }) => topic === undefined || mqtt.topicMatches(topicPattern, topic));
      const { items, next } = page(wanted, ({ ruleName }) => ruleName, nextToken, maxResults);
      return { rules: items, ...(next !== undefined && { nextToken: next }) };
    },
    DeleteTopicRule: async ({ ruleName }: Named) => {
      const rule = rules.find(ruleName);
      await rules.delete(ruleName);
      if (rule) await tags.drop(ruleArn(rule));
      return {};
    },
    EnableTopicRule: async ({ ruleName }: Named) => {
      await rules.setEnabled(ruleName, true);
      return {};
    },
    DisableTopicRule: async ({ ruleName }: Named) => {
      await rules.setEnabled(ruleName, false);
      return {};
    },
  } satisfies Record<string, Operation>;
}

/** `a=1&b=2`, as the header has them. */
function tagsOf(text: string): readonly Tag[] {
  return [...new URLSearchParams(text)].map(([Key, Value]) => ({ Key, Value }));
}

function listItem(rule: TopicRule) {
  return {
    ruleArn: ruleArn(rule),
    ruleName: rule.ruleName,
    topicPattern: topicPatternOf(rule),
    createdAt: new Date(rule.createdAt),
    ruleDisabled: rule.ruleDisabled,
  };
}
