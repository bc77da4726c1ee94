import { createHash } from 'node:crypto';
import { invalid } from '../errors.ts';
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';
import type { TemplateApis } from './apis.ts';
import type { TemplateBuckets } from './buckets.ts';
import { expandEvent } from './events.ts';
import { pythonJson, resolveRefs, s3Location } from './parts.ts';
import { allow, ExecutionRole, type InlinePolicy } from './role.ts';

/** What a `AWS::Serverless::Function` becomes. */
export interface ExpandedFunction {
  readonly resources: Readonly<Record<string, JsonObject>>;
  /** Logical ids that `!Ref Function.Alias` and its like stand for. */
  readonly references: Readonly<Record<string, string>>;
  /** Conditions that it needs beside those of the template. */
  readonly conditions: Readonly<Record<string, Json>>;
}

/** Types that take over a function's tags with `PropagateTags`. */
const TAGGED_TYPES = new Set([
  'AWS::IAM::Role',
  'AWS::IoT::TopicRule',
  'AWS::Lambda::Function',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
]);

/** Properties that `AWS::Lambda::Function` has under the same name. */
const SAME_NAME = [
  'FunctionName',
  'Description',
  'Handler',
  'Runtime',
  'MemorySize',
  'Timeout',
  'PackageType',
  'VpcConfig',
  'Environment',
  'KmsKeyArn',
  'ReservedConcurrentExecutions',
  'Layers',
  'FileSystemConfigs',
  'ImageConfig',
  'CodeSigningConfigArn',
  'Architectures',
  'SnapStart',
  'EphemeralStorage',
  'RuntimeManagementConfig',
  'LoggingConfig',
  'RecursiveLoop',
];

/** Every property of `AWS::Serverless::Function` that is taken. */
export const FUNCTION_PROPERTIES: ReadonlySet<string> = new Set([
  ...SAME_NAME,
  'CodeUri',
  'InlineCode',
  'ImageUri',
  'DeadLetterQueue',
  'Role',
  'AssumeRolePolicyDocument',
  'Policies',
  'RolePath',
  'PermissionsBoundary',
  'Events',
  'Tags',
  'PropagateTags',
  'Tracing',
  'EventInvokeConfig',
  'AutoPublishAlias',
  'AutoPublishCodeSha256',
  'AutoPublishAliasAllProperties',
  'VersionDescription',
  'VersionDeletionPolicy',
  'ProvisionedConcurrencyConfig',
  'FunctionUrlConfig',
  'DeploymentPreference',
]);

/** Attributes that every resource of a function carries on. */
const PASSED_ON = ['Condition', 'DeletionPolicy', 'UpdateReplacePolicy'];

/** Attributes that stay at the function itself as well. */
const FUNCTION_ONLY = ['DependsOn', 'Metadata'];

/**
 * Turns a SAM function into the resources it stands for, under the logical ids that AWS's translator gives them.
 *
 * @param parameters  effective parameter values: they count in the logical id of a published version
 * @param apis  those that its events add to; @param buckets  likewise
 * @throws validation  a property or form that is wrong or not built
 */
export function expandFunction(
  id: string,
  declaration: JsonObject,
  properties: JsonObject,
  parameters: Readonly<Record<string, Json>>,
  apis: TemplateApis,
  buckets: TemplateBuckets,
): ExpandedFunction {
  return new FunctionExpansion(id, declaration, properties, parameters, apis, buckets).expand();
}

class FunctionExpansion {
  readonly #id: string;
  readonly #declaration: JsonObject;
  readonly #properties: JsonObject;
  readonly #parameters: Readonly<Record<string, Json>>;
  readonly #apis: TemplateApis;
  readonly #buckets: TemplateBuckets;
  readonly #attributes: JsonObject;
  readonly #resources: Record<string, JsonObject> = {};
  readonly #references: Record<string, string> = {};
  readonly #conditions: Record<string, Json> = {};
  readonly #role: ExecutionRole;
  readonly #tags: Json;

  constructor(
    id: string,
    declaration: JsonObject,
    properties: JsonObject,
    parameters: Readonly<Record<string, Json>>,
    apis: TemplateApis,
    buckets: TemplateBuckets,
  ) {
    this.#buckets = buckets;
    this.#apis = apis;
    this.#id = id;
    this.#declaration = declaration;
    this.#properties = properties;
    this.#parameters = parameters;
    this.#attributes = pick(declaration, PASSED_ON);
    this.#tags = tagList(properties.Tags);
    this.#role = new ExecutionRole(id, basePolicies(properties));
  }

  expand(): ExpandedFunction {
    this.#checkProperties();
    const lambda = this.#lambdaFunction();
    const published = this.#publish(lambda);
    this.#resources[this.#id] = {
      Type: 'AWS::Lambda::Function',
      ...pick(this.#declaration, FUNCTION_ONLY),
      ...this.#attributes,
      Properties: lambda,
    };
    Object.assign(this.#resources, published);
    this.#addUrl();
    const inline = [...this.#deadLetterPolicy(), ...this.#invokeConfig()];
    for (const policy of inline) this.#role.addInline(policy);
    this.#role.addPolicies(this.#properties.Policies);
    this.#addEvents();
    // Last: events have added to it by now.
    if (this.#properties.Role === undefined) {
      this.#resources[this.#role.logicalId] = this.#role.resource(this.#attributes, this.#properties, this.#tags);
    }
    if (this.#properties.PropagateTags === true) this.#propagateTags();
    return { resources: this.#resources, references: this.#references, conditions: this.#conditions };
  }

  /** The function's own tags, in the place of those that SAM gives. */
  #propagateTags(): void {
    const own = ownTags(this.#properties.Tags);
    if (own.length === 0) return;
    for (const [id, resource] of Object.entries(this.#resources)) {
      if (!TAGGED_TYPES.has(String(resource.Type))) continue;
      this.#resources[id] = { ...resource, Properties: { ...(resource.Properties as JsonObject), Tags: own } };
    }
  }

  #checkProperties(): void {
    const unknown = Object.keys(this.#properties).find((property) => !FUNCTION_PROPERTIES.has(property));
    if (unknown) throw this.#fail(`property ${unknown} not defined for resource of type AWS::Serverless::Function`);
    if (this.#properties.PackageType === 'Image' || this.#properties.ImageUri !== undefined) {
      throw this.#fail('functions from images are not built in Millrace; use PackageType Zip');
    }
    for (const required of ['Runtime', 'Handler']) {
      if (this.#properties[required] === undefined) {
        throw this.#fail('Runtime and Handler needs to be present when PackageType is of type `Zip`');
      }
    }
    if (this.#properties.ProvisionedConcurrencyConfig && !this.#properties.AutoPublishAlias) {
      throw this.#fail('To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function');
    }
    this.#checkPreference();
  }

  /** Traffic that shifts by and by is CodeDeploy's; one that is switched off makes nothing on AWS either. */
  #checkPreference(): void {
    const preference = this.#properties.DeploymentPreference;
    if (preference === undefined) return;
    if (!isObject(preference)) throw this.#fail("'DeploymentPreference' must be a map.");
    const enabled = resolveRefs(preference.Enabled ?? true, this.#parameters);
    if (enabled === false || enabled === 'false') return;
    throw this.#fail('DeploymentPreference is not built in Millrace, unless Enabled is false: an alias moves at once');
  }

  #lambdaFunction(): Record<string, Json> {
    const { DeadLetterQueue: queue, Tracing: tracing, Role: role } = this.#properties;
    return {
      Code: this.#code(),
      ...pick(this.#properties, SAME_NAME),
      Role: role ?? { 'Fn::GetAtt': [this.#role.logicalId, 'Arn'] },
      ...(isObject(queue) && { DeadLetterConfig: { TargetArn: this.#deadLetterArn(queue) } }),
      ...(tracing !== undefined && { TracingConfig: { Mode: tracing } }),
      Tags: this.#tags,
    };
  }

  #code(): JsonObject {
    const { InlineCode: inline, CodeUri: uri } = this.#properties;
    if (inline !== undefined) return { ZipFile: inline };
    if (uri === undefined) throw this.#fail("Either 'InlineCode' or 'CodeUri' must be set.");
    return s3Location('CodeUri', uri, this.#parameters, (message) => this.#fail(message));
  }

  /** A version and the alias that points to it, when the function asks for an alias. */
  #publish(lambda: Record<string, Json>): Record<string, JsonObject> {
    if (this.#properties.AutoPublishAlias === undefined) return {};
    const alias = resolveRefs(this.#properties.AutoPublishAlias, this.#parameters);
    if (typeof alias !== 'string')
      throw this.#fail("'AutoPublishAlias' must be a string or a Ref to a template parameter");
    const sha256 = resolveRefs(this.#properties.AutoPublishCodeSha256 ?? null, this.#parameters);
    if (typeof sha256 === 'string') {
      lambda.Description = typeof lambda.Description === 'string' ? `${lambda.Description} ${sha256}` : sha256;
    }
    const versionId = `${this.#id}Version${typeof sha256 === 'string' ? sha256.slice(0, 10) : this.#versionHash(lambda)}`;
    const aliasId = `${this.#id}Alias${alias.replace(/[^A-Za-z0-9]/g, (character) => aliasCharacter(character))}`;
    this.#references[`${this.#id}.Version`] = versionId;
    this.#references[`${this.#id}.Alias`] = aliasId;
    return { [versionId]: this.#version(), [aliasId]: this.#alias(alias, versionId) };
  }

  #version(): JsonObject {
    const description = this.#properties.VersionDescription;
    return {
      Type: 'AWS::Lambda::Version',
      DeletionPolicy: this.#properties.VersionDeletionPolicy ?? 'Retain',
      ...this.#attributes,
      Properties: { FunctionName: { Ref: this.#id }, ...(description !== undefined && { Description: description }) },
    };
  }

  #alias(name: string, versionId: string): JsonObject {
    const provisioned = this.#properties.ProvisionedConcurrencyConfig;
    return {
      Type: 'AWS::Lambda::Alias',
      ...this.#attributes,
      Properties: {
        Name: name,
        FunctionName: { Ref: this.#id },
        FunctionVersion: { 'Fn::GetAtt': [versionId, 'Version'] },
        ...(provisioned !== undefined && { ProvisionedConcurrencyConfig: provisioned }),
      },
    };
  }

  /** The same digits as AWS's translator, so that a stack can move here without a new version. */
  #versionHash(lambda: JsonObject): string {
    const { Environment: environment, MemorySize: memory } = lambda;
    const counted = this.#properties.AutoPublishAliasAllProperties
      ? this.#ownProperties(lambda)
      : {
          ...(lambda.Code as JsonObject),
          ...(isObject(environment) && environment),
          ...(memory !== undefined && { MemorySize: memory }),
        };
    return createHash('sha1').update(pythonJson(counted)).digest('hex').slice(0, 10);
  }

  /** The translator takes the hash before it has made the role. */
  #ownProperties(lambda: JsonObject): JsonObject {
    const names = Object.keys(lambda);
    return pick(lambda, this.#properties.Role === undefined ? names.filter((name) => name !== 'Role') : names);
  }

  #addUrl(): void {
    const config = this.#properties.FunctionUrlConfig;
    if (!isObject(config)) return;
    const alias = this.#references[`${this.#id}.Alias`];
    const target = { Ref: alias ?? this.#id };
    this.#resources[`${this.#id}Url`] = {
      Type: 'AWS::Lambda::Url',
      ...this.#attributes,
      Properties: { TargetFunctionArn: target, ...config },
    };
    if (config.AuthType !== 'NONE') return;
    this.#addPublicPermission('UrlPublicPermissions', target, {
      Action: 'lambda:InvokeFunctionUrl',
      FunctionUrlAuthType: 'NONE',
    });
    this.#addPublicPermission('URLInvokeAllowPublicAccess', target, {
      Action: 'lambda:InvokeFunction',
      InvokedViaFunctionUrl: true,
    });
  }

  /** What lets anyone call a URL that asks for no credentials. */
  #addPublicPermission(suffix: string, FunctionName: Json, what: JsonObject): void {
    this.#resources[`${this.#id}${suffix}`] = {
      Type: 'AWS::Lambda::Permission',
      ...this.#attributes,
      Properties: { FunctionName, Principal: '*', ...what },
    };
  }

  #deadLetterArn(queue: JsonObject): Json {
    const { Type: type, TargetArn: arn } = queue;
    if (type === undefined || arn === undefined) {
      throw this.#fail("'DeadLetterQueue' requires Type and TargetArn properties to be specified.");
    }
    if (type !== 'SQS' && type !== 'SNS') throw this.#fail("'DeadLetterQueue' requires Type of ['SQS', 'SNS']");
    return arn;
  }

  #deadLetterPolicy(): readonly InlinePolicy[] {
    const queue = this.#properties.DeadLetterQueue;
    if (!isObject(queue)) return [];
    const Action = queue.Type === 'SNS' ? 'sns:Publish' : 'sqs:SendMessage';
    const statement = { Action, Resource: this.#deadLetterArn(queue), Effect: 'Allow' };
    return [{ PolicyName: 'DeadLetterQueuePolicy', PolicyDocument: { Version: '2012-10-17', Statement: [statement] } }];
  }

  #invokeConfig(): readonly InlinePolicy[] {
    const config = this.#properties.EventInvokeConfig;
    if (!isObject(config)) return [];
    const policies: InlinePolicy[] = [];
    const destinations: Record<string, Json> = {};
    const given = isObject(config.DestinationConfig) ? config.DestinationConfig : {};
    for (const outcome of ['OnSuccess', 'OnFailure']) {
      const one = given[outcome];
      if (!isObject(one)) continue;
      const { destination, policy } = this.#invokeDestination(outcome, one);
      destinations[outcome] = { Destination: destination };
      policies.push(policy);
    }
    this.#resources[`${this.#id}EventInvokeConfig`] = this.#invokeConfigResource(config, destinations);
    return policies;
  }

  #invokeConfigResource(config: JsonObject, destinations: JsonObject): JsonObject {
    const alias = this.#references[`${this.#id}.Alias`];
    return {
      Type: 'AWS::Lambda::EventInvokeConfig',
      ...pick(this.#declaration, ['Metadata']),
      ...(alias && { DependsOn: [alias] }),
      ...this.#attributes,
      Properties: {
        FunctionName: { Ref: this.#id },
        Qualifier: alias ? resolveRefs(this.#properties.AutoPublishAlias!, this.#parameters) : '$LATEST',
        DestinationConfig: destinations,
        ...pick(config, ['MaximumEventAgeInSeconds', 'MaximumRetryAttempts']),
      },
    };
  }

  /** Makes a queue or topic where the destination names none, or none under a condition. */
  #invokeDestination(outcome: string, config: JsonObject): { destination: Json; policy: InlinePolicy } {
    const id = `${this.#id}EventInvokeConfig${outcome}`;
    const type = String(config.Type);
    const right = DESTINATION_RIGHTS[type];
    if (!right) {
      throw this.#fail(
        `'Type: ${type}' must be one of [${Object.keys(DESTINATION_RIGHTS).join(', ')}]; others are not built in Millrace`,
      );
    }
    const destination = this.#destinationOf(id, type, config.Destination);
    return { destination, policy: allow(`${id}${right.suffix}`, right.action, destination) };
  }

  #destinationOf(id: string, type: string, given: Json | undefined): Json {
    if (given === undefined) return this.#makeDestination(id, type, undefined);
    const absent = this.#absence(given);
    if (!absent) return given;
    const made = this.#makeDestination(id, type, absent.condition);
    return { 'Fn::If': [absent.condition, made, absent.otherwise] };
  }

  /** Under which condition `{ Fn::If: [...] }` names no destination, as `AWS::NoValue` stands in one of its branches. */
  #absence(given: Json): { readonly condition: string; readonly otherwise: Json } | undefined {
    const intrinsic = asIntrinsic(given);
    if (intrinsic?.name !== 'Fn::If' || !Array.isArray(intrinsic.argument)) return undefined;
    const [condition, then, otherwise] = intrinsic.argument as readonly Json[];
    if (typeof condition !== 'string' || then === undefined || otherwise === undefined) return undefined;
    if (isNoValue(then) && !isNoValue(otherwise)) return { condition, otherwise };
    if (!isNoValue(otherwise) || isNoValue(then)) return undefined;
    const negated = `NOT${condition}${digits(`${this.#id}EventInvokeConfig`)}`;
    this.#conditions[negated] = { 'Fn::Not': [{ Condition: condition }] };
    return { condition: negated, otherwise: then };
  }

  /** Both the function's condition and another one. */
  #both(condition: string): string {
    const own = this.#attributes.Condition;
    if (typeof own !== 'string') return condition;
    const name = `${own}AND${condition}${digits(this.#id)}`;
    this.#conditions[name] = { 'Fn::And': [{ Condition: own }, { Condition: condition }] };
    return name;
  }

  #makeDestination(id: string, type: string, condition: string | undefined): Json {
    if (type !== 'SQS' && type !== 'SNS') throw this.#fail("Destination is required if Type is not ['SQS', 'SNS']");
    const attributes = { ...this.#attributes, ...(condition !== undefined && { Condition: this.#both(condition) }) };
    if (type === 'SQS') {
      this.#resources[`${id}Queue`] = { Type: 'AWS::SQS::Queue', ...attributes, Properties: {} };
      this.#references[`${this.#id}.DestinationQueue`] = `${id}Queue`;
      return { 'Fn::GetAtt': [`${id}Queue`, 'Arn'] };
    }
    this.#resources[`${id}Topic`] = { Type: 'AWS::SNS::Topic', ...attributes, Properties: {} };
    this.#references[`${this.#id}.DestinationTopic`] = `${id}Topic`;
    return { Ref: `${id}Topic` };
  }

  #addEvents(): void {
    const events = this.#properties.Events ?? {};
    if (!isObject(events)) throw this.#fail("'Events' must be a map.");
    const alias = this.#references[`${this.#id}.Alias`];
    const functionArn: Json = alias ? { Ref: alias } : { 'Fn::GetAtt': [this.#id, 'Arn'] };
    const context = {
      functionRef: { Ref: alias ?? this.#id },
      functionArn,
      attributes: this.#attributes,
      role: this.#role,
      apis: this.#apis,
      buckets: this.#buckets,
    };
    for (const name of Object.keys(events).sort()) {
      Object.assign(this.#resources, expandEvent(this.#id, name, events[name]!, context));
    }
  }

  #fail(message: string): Error {
    return invalid(`Resource with id [${this.#id}] is invalid. ${message}`);
  }
}

const DESTINATION_RIGHTS: Readonly<Record<string, { readonly action: string; readonly suffix: string }>> = {
  SQS: { action: 'sqs:SendMessage', suffix: 'SQSPolicy' },
  SNS: { action: 'sns:publish', suffix: 'SNSPolicy' },
  Lambda: { action: 'lambda:InvokeFunction', suffix: 'LambdaPolicy' },
  EventBridge: { action: 'events:PutEvents', suffix: 'EventBridgePolicy' },
};

function basePolicies(properties: JsonObject): readonly string[] {
  const policies = ['AWSLambdaBasicExecutionRole'];
  const tracing = properties.Tracing;
  if (tracing !== undefined && tracing !== 'Disabled') policies.push('AWSXrayWriteOnlyAccess');
  if (properties.VpcConfig !== undefined) policies.push('AWSLambdaVPCAccessExecutionRole');
  return policies;
}

function tagList(tags: Json | undefined): Json {
  return [{ Key: 'lambda:createdBy', Value: 'SAM' }, ...ownTags(tags)];
}

const ownTags = (tags: Json | undefined): readonly JsonObject[] =>
  isObject(tags) ? Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) : [];

const isNoValue = (value: Json) => isObject(value) && value.Ref === 'AWS::NoValue';

/** What AWS's translator appends to a name so that no other is the same. */
const digits = (text: string) => createHash('sha1').update(text).digest('hex').slice(0, 10);

function pick(source: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]!]));
}

/** Logical ids hold letters and digits only. */
function aliasCharacter(character: string): string {
  if (character === '-') return 'D';
  return character === '_' ? 'U' : '';
}
