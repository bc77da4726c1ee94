/*
 * Where events of a bucket go: what may be set, and which rule an event is for.
 *
 * @see Amazon S3 user guide, "Configuring event notifications using object key name filtering", "Event notification types and destinations"
 */
import { parseArn } from '../../../base/index.ts';
import { s3Error } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import type { NotificationRule } from '../settings.ts';

type Kind = NotificationRule['kind'];

/** Members of the configuration by kind, and how the destination of each is called. */
const KINDS = {
  Topic: { list: 'TopicConfigurations', arn: 'TopicArn', service: 'sns' },
  Queue: { list: 'QueueConfigurations', arn: 'QueueArn', service: 'sqs' },
  LambdaFunction: { list: 'LambdaFunctionConfigurations', arn: 'LambdaFunctionArn', service: 'lambda' },
} as const satisfies Record<Kind, object>;

/** Every event that S3 has: those of classes of storage and of replicas never happen here. */
const EVENTS: readonly string[] = [
  ...['ObjectCreated:Put', 'ObjectCreated:Post', 'ObjectCreated:Copy', 'ObjectCreated:CompleteMultipartUpload'],
  ...['ObjectRemoved:Delete', 'ObjectRemoved:DeleteMarkerCreated'],
  ...['ObjectRestore:Post', 'ObjectRestore:Completed', 'ObjectRestore:Delete'],
  ...['Replication:OperationFailedReplication', 'Replication:OperationNotTracked'],
  ...['Replication:OperationMissedThreshold', 'Replication:OperationReplicatedAfterThreshold'],
  ...['LifecycleExpiration:Delete', 'LifecycleExpiration:DeleteMarkerCreated'],
  ...['ObjectTagging:Put', 'ObjectTagging:Delete'],
  ...['ReducedRedundancyLostObject', 'LifecycleTransition', 'IntelligentTiering', 'ObjectAcl:Put'],
].map((name) => `s3:${name}`);

const KNOWN = new Set([
  ...EVENTS,
  ...['ObjectCreated', 'ObjectRemoved', 'ObjectRestore', 'Replication', 'LifecycleExpiration', 'ObjectTagging'].map(
    (family) => `s3:${family}:*`,
  ),
]);

/**
 * Rules from what PutBucketNotificationConfiguration takes.
 * @throws DomainError `argument-invalid`, `malformed`, `not-built`
 */
export function checkNotifications(
  configuration: any,
  region: string,
  newId: () => string,
): readonly NotificationRule[] {
  if (!configuration) throw s3Error('malformed');
  if (configuration.EventBridgeConfiguration) {
    throw s3Error('not-built', { message: 'Event notifications to EventBridge are not built in Millrace' });
  }
  const rules = (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
    (configuration[KINDS[kind].list] ?? []).map((given: any) => checkRule(kind, given, region, newId)),
  );
  if (rules.length > S3_LIMITS.notificationRulesMax) {
    throw argument(`Too many notification configurations: ${S3_LIMITS.notificationRulesMax} are allowed`);
  }
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw argument('Same ID used for multiple configurations. IDs must be unique');
  }
  checkOverlaps(rules);
  return rules;
}

function checkRule(kind: Kind, given: any, region: string, newId: () => string): NotificationRule {
  const { list: _, arn: member, service } = KINDS[kind];
  const { Id, Events: events = [], Filter } = given;
  const arn: unknown = given[member];
  const parsed = typeof arn === 'string' ? parseArn(arn) : undefined;
  if (typeof arn !== 'string' || parsed?.service !== service || !parsed.resource) {
    throw argument('The ARN is not well formed', member, String(arn ?? ''));
  }
  if (parsed.region !== region) {
    throw argument(
      'The notification destination service region is not valid for the bucket location constraint',
      member,
      arn,
    );
  }
  if (Id !== undefined && Id.length > S3_LIMITS.ruleIdCharactersMax) {
    throw argument('ID length should not exceed allowed limit of 255');
  }
  if (events.length === 0) throw s3Error('malformed');
  const unknown = events.find((event: string) => !KNOWN.has(event));
  if (unknown !== undefined) throw argument('The event is not supported for notifications', 'Event', unknown);
  const filters = Filter?.Key?.FilterRules ?? [];
  checkFilters(filters);
  return { kind, id: Id || newId(), arn, events, filters: filters.map(shownFilter) };
}

/** S3 shows the name with a capital, however it was given. */
function shownFilter({ Name, Value = '' }: NotificationRule['filters'][number]) {
  return { Name: Name.toLowerCase() === 'prefix' ? 'Prefix' : 'Suffix', Value };
}

function checkFilters(filters: NotificationRule['filters']): void {
  const names = filters.map(({ Name }) => String(Name).toLowerCase());
  const unknown = names.find((name) => name !== 'prefix' && name !== 'suffix');
  if (unknown !== undefined) {
    throw argument('filter rule name must be either prefix or suffix', 'FilterRule.Name', unknown);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw argument(`Cannot specify more than one ${twice} rule in a filter.`, 'FilterRule.Name', twice);
  }
  for (const { Value = '' } of filters) {
    if (Buffer.byteLength(Value) > 1024) {
      throw argument('Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation', 'FilterRule.Value');
    }
  }
}

/** No event may be for two rules. */
function checkOverlaps(rules: readonly NotificationRule[]): void {
  for (const [index, rule] of rules.entries()) {
    if (eventsOf(rule).length < rule.events.flatMap(namesOf).length) {
      throw overlap('Configurations overlap. Configurations on the same bucket cannot share a common event type.');
    }
    const rival = rules.slice(0, index).find((other) => overlaps(rule, other));
    if (!rival) continue;
    throw overlap(
      rule.filters.length === 0 && rival.filters.length === 0
        ? 'Configurations overlap. Configurations on the same bucket cannot share a common event type.'
        : 'Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.',
    );
  }
}

function overlaps(one: NotificationRule, other: NotificationRule): boolean {
  const events = new Set(eventsOf(one));
  if (!eventsOf(other).some((event) => events.has(event))) return false;
  const [a, b] = [filterOf(one), filterOf(other)];
  const prefixes = a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
  return prefixes && (a.suffix.endsWith(b.suffix) || b.suffix.endsWith(a.suffix));
}

function eventsOf({ events }: NotificationRule): readonly string[] {
  return [...new Set(events.flatMap(namesOf))];
}

function namesOf(event: string): readonly string[] {
  return event.endsWith('*') ? EVENTS.filter((name) => name.startsWith(event.slice(0, -1))) : [event];
}

function filterOf({ filters }: NotificationRule): { readonly prefix: string; readonly suffix: string } {
  const valueNamed = (name: string) => filters.find(({ Name }) => Name.toLowerCase() === name)?.Value ?? '';
  return { prefix: valueNamed('prefix'), suffix: valueNamed('suffix') };
}

/** The rule that an event of a key is for; `undefined` when none is. @param type  without `s3:` */
export function ruleFor(rules: readonly NotificationRule[], type: string, key: string): NotificationRule | undefined {
  return rules.find((rule) => {
    if (
      !rule.events.some(
        (event) => event === `s3:${type}` || (event.endsWith('*') && `s3:${type}`.startsWith(event.slice(0, -1))),
      )
    ) {
      return false;
    }
    const { prefix, suffix } = filterOf(rule);
    return key.startsWith(prefix) && key.endsWith(suffix);
  });
}

/** The configuration as GetBucketNotificationConfiguration gives it. */
export function shownNotifications(rules: readonly NotificationRule[]): Record<string, unknown> {
  const shown: Record<string, object[]> = {};
  for (const { kind, id, arn, events, filters } of rules) {
    const { list, arn: member } = KINDS[kind];
    shown[list] ??= [];
    shown[list].push({
      Id: id,
      [member]: arn,
      Events: events,
      ...(filters.length > 0 && { Filter: { Key: { FilterRules: filters } } }),
    });
  }
  return shown;
}

function overlap(message: string) {
  return s3Error('argument-invalid', { message });
}

function argument(message: string, ArgumentName?: string, ArgumentValue?: string) {
  return s3Error('argument-invalid', { message, fields: { ArgumentName, ArgumentValue } });
}
