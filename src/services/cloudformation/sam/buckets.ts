import { isObject, type Json, type JsonObject } from '../template/value.ts';

/** Buckets of a template that events of functions add to. */
export class TemplateBuckets {
  readonly #resources: JsonObject;
  readonly #changed: Record<string, JsonObject> = {};

  constructor(resources: JsonObject) {
    this.#resources = resources;
  }

  /**
   * Has a bucket send events.
   *
   * @param bucket  `Ref` of a bucket of the template
   * @param permissionId  what must be there before the bucket
   * @param condition  under which it sends them, and the permission is there
   * @returns false when it is no such bucket
   */
  notify(bucket: Json, configurations: readonly JsonObject[], permissionId: string, condition?: string): boolean {
    const id = isObject(bucket) && typeof bucket.Ref === 'string' ? bucket.Ref : undefined;
    const before = id === undefined ? undefined : (this.#changed[id] ?? this.#resources[id]);
    if (id === undefined || !isObject(before) || before.Type !== 'AWS::S3::Bucket') return false;
    const properties = objectOf(before.Properties);
    const notification = objectOf(properties.NotificationConfiguration);
    const sent = Array.isArray(notification.LambdaConfigurations) ? notification.LambdaConfigurations : [];
    const added = configurations.map((one) => (condition === undefined ? one : onlyIf(condition, one)));
    const changed = {
      ...properties,
      NotificationConfiguration: { ...notification, LambdaConfigurations: [...sent, ...added] },
    };
    // Nothing may depend on what is there under a condition only: SAM leads there by a tag that refers to it.
    this.#changed[id] =
      condition === undefined
        ? { ...before, Properties: changed, DependsOn: namesWith(before.DependsOn, permissionId) }
        : { ...before, Properties: { ...changed, Tags: tagsWith(properties.Tags, permissionId, condition) } };
    return true;
  }

  /** The buckets that have become others. */
  expand(): Readonly<Record<string, JsonObject>> {
    return this.#changed;
  }
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function onlyIf(condition: string, value: Json): JsonObject {
  return { 'Fn::If': [condition, value, { Ref: 'AWS::NoValue' }] };
}

function namesWith(names: Json | undefined, name: string): readonly Json[] {
  const before = names === undefined ? [] : Array.isArray(names) ? names : [names];
  return [...new Set([...before, name])];
}

function tagsWith(tags: Json | undefined, permissionId: string, condition: string): readonly Json[] {
  const before = Array.isArray(tags) ? (tags as readonly Json[]) : [];
  const Value = { 'Fn::If': [condition, { Ref: permissionId }, 'no dependency'] };
  return [...before, { Key: `sam:ConditionalDependsOn:${permissionId}`, Value }];
}
