// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
import { invalid } from '../errors.ts';
import { asIntrinsic, isObject, type Json, type JsonObject, sameJson } from '../template/value.ts';

export const CONNECTOR_TYPE = 'AWS::Serverless::Connector';

type Resources = Record<string, JsonObject>;

type Permission = 'Read' | 'Write';

/** One end of a connector. */
interface End {
  /** Absent for something outside the template. */
  readonly id?: string;
  /** Plain type, by which profiles are found. */
  readonly type: string;
  /** As the template has it, for the metadata. */
  readonly writtenType: string;
  readonly arn?: Json;
  readonly queueUrl?: Json;
  /** `Ref` of the role that a function runs as. */
  readonly roleName?: Json;
}

interface Connection {
  readonly id: string;
  readonly source: End;
  readonly destination: End;
  readonly permissions: readonly Permission[];
  /** `DependsOn` and `Condition` of the connector, which go on to what it makes. */
  readonly attributes: JsonObject;
  /** What names of its resources end with when there are several destinations. */
  readonly suffix: string;
}

/** What one type may do with another: a row of AWS's list of supported resources. */
interface Profile {
  /** - `role`: a managed policy of the function's role. - `queue`: the queue's policy. - `function`: a permission of the function. */
  readonly grants: 'role' | 'queue' | 'function';
  /** Actions by permission, in the order of the statements. */
  readonly actions: Partial<Record<Permission, readonly string[]>>;
  /** All permissions must be asked for. */
  readonly whole?: true;
}

const FUNCTION = 'AWS::Lambda::Function';
const QUEUE = 'AWS::SQS::Queue';
const TOPIC = 'AWS::SNS::Topic';
const BUCKET = 'AWS::S3::Bucket';

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/reference-sam-connector.html */
export const CONNECTOR_PROFILES: Readonly<Record<string, Profile>> = {
  [`${FUNCTION} ${FUNCTION}`]: {
    grants: 'role',
    actions: { Write: ['lambda:InvokeAsync', 'lambda:InvokeFunction'] },
  },
  [`${FUNCTION} ${QUEUE}`]: {
    grants: 'role',
    actions: {
      Read: ['sqs:ReceiveMessage', 'sqs:GetQueueAttributes'],
      Write: ['sqs:DeleteMessage', 'sqs:SendMessage', 'sqs:ChangeMessageVisibility', 'sqs:PurgeQueue'],
    },
  },
  [`${FUNCTION} ${TOPIC}`]: { grants: 'role', actions: { Write: ['sns:Publish'] } },
  [`${FUNCTION} ${BUCKET}`]: {
    grants: 'role',
    actions: {
      Read: [
        's3:GetObject',
        's3:GetObjectAcl',
        's3:GetObjectLegalHold',
        's3:GetObjectRetention',
        's3:GetObjectTorrent',
        's3:GetObjectVersion',
        's3:GetObjectVersionAcl',
        's3:GetObjectVersionForReplication',
        's3:GetObjectVersionTorrent',
        's3:ListBucket',
        's3:ListBucketMultipartUploads',
        's3:ListBucketVersions',
        's3:ListMultipartUploadParts',
      ],
      Write: [
        's3:AbortMultipartUpload',
        's3:DeleteObject',
        's3:DeleteObjectVersion',
        's3:PutObject',
        's3:PutObjectLegalHold',
        's3:PutObjectRetention',
        's3:RestoreObject',
      ],
    },
  },
  [`${QUEUE} ${FUNCTION}`]: {
    grants: 'role',
    actions: { Write: ['sqs:DeleteMessage'], Read: ['sqs:ReceiveMessage', 'sqs:GetQueueAttributes'] },
    whole: true,
  },
  [`${TOPIC} ${QUEUE}`]: { grants: 'queue', actions: { Write: ['sqs:SendMessage'] } },
  [`${TOPIC} ${FUNCTION}`]: { grants: 'function', actions: { Write: ['lambda:InvokeFunction'] } },
};

/**
 * Turns connectors, those that stand alone and those that stand in a resource's `Connectors`, into the policies and permissions
 * that they stand for, in `plain`.
 *
 * @param written  the resources of the template as written
 * @param plain  the same with all other serverless types turned into plain ones
 * @throws validation  a pair that is not built, a permission that it has not, an end that is not there
 */
export function expandConnectors(written: JsonObject, plain: Resources): void {
  for (const [id, connector] of connectorsIn(written, plain)) {
    const made = connectionsOf(id, connector, written, plain).flatMap((connection) => grant(connection, plain));
    replaceDependency(plain, id, made);
  }
}

/** Standing ones first, as AWS's translator takes them. */
function connectorsIn(written: JsonObject, plain: Resources): [id: string, connector: JsonObject][] {
  const standing = Object.entries(written).filter(
    (entry): entry is [string, JsonObject] => isObject(entry[1]) && entry[1].Type === CONNECTOR_TYPE,
  );
  const embedded = Object.entries(written).flatMap(([sourceId, resource]) => {
    const connectors = isObject(resource) ? resource.Connectors : undefined;
    if (connectors === undefined) return [];
    if (!isObject(connectors)) throw fail(sourceId, "'Connectors' must be a map.");
    if (plain[sourceId]) plain[sourceId] = without(plain[sourceId], 'Connectors');
    return Object.entries(connectors).map(([name, connector]): [string, JsonObject] => {
      if (!isObject(connector) || !isObject(connector.Properties))
        throw fail(sourceId + name, "'Properties' must be a map.");
      const { SourceReference: more, ...properties } = connector.Properties;
      const Source = { Id: sourceId, ...(isObject(more) && more) };
      return [sourceId + name, { ...connector, Properties: { ...properties, Source } }];
    });
  });
  return [...standing, ...embedded];
}

function connectionsOf(id: string, connector: JsonObject, written: JsonObject, plain: Resources): Connection[] {
  const { Source, Destination, Permissions } = (connector.Properties ?? {}) as JsonObject;
  const unknown = Object.keys((connector.Properties ?? {}) as JsonObject).find(
    (name) => !['Source', 'Destination', 'Permissions'].includes(name),
  );
  if (unknown) throw fail(id, `property ${unknown} not defined for resource of type ${CONNECTOR_TYPE}`);
  if (!Array.isArray(Permissions) || Permissions.length === 0) throw fail(id, "'Permissions' cannot be empty");
  const destinations: readonly Json[] = Array.isArray(Destination) ? Destination : [Destination ?? null];
  const attributes: JsonObject = Object.fromEntries(
    ['DependsOn', 'Condition'].filter((name) => connector[name] !== undefined).map((name) => [name, connector[name]!]),
  );
  return destinations.map((destination, index) => ({
    id,
    source: endOf(id, Source, written, plain),
    destination: endOf(id, destination, written, plain),
    permissions: Permissions as readonly Permission[],
    attributes,
    suffix: Array.isArray(Destination) ? `Destination${index}` : '',
  }));
}

function endOf(connector: string, reference: Json | undefined, written: JsonObject, plain: Resources): End {
  if (!isObject(reference)) throw fail(connector, "'Source' and 'Destination' must be maps.");
  const { Id: id, Type: type, Arn: arn, QueueUrl: queueUrl, RoleName: roleName } = reference;
  if (id === undefined) {
    if (typeof type !== 'string') throw fail(connector, "'Type' is missing or not a string.");
    const plainType = type === 'AWS::Serverless::Function' ? FUNCTION : type;
    return { type: plainType, writtenType: plainType, ...defined({ arn, queueUrl, roleName }) };
  }
  const resource = typeof id === 'string' ? plain[id] : undefined;
  if (typeof id !== 'string' || !resource) {
    throw fail(connector, `Unable to find resource with logical ID '${String(id)}'.`);
  }
  const Type = String(resource.Type);
  const { Type: writtenType = Type } = (written[id] ?? {}) as JsonObject;
  return {
    id,
    type: Type,
    writtenType: String(writtenType),
    arn: Type === TOPIC ? { Ref: id } : { 'Fn::GetAtt': [id, 'Arn'] },
    ...defined({
      queueUrl: Type === QUEUE ? { Ref: id } : undefined,
      roleName: Type === FUNCTION ? roleOf(resource) : undefined,
    }),
  };
}

/** The role of a function when it is one of the template. */
function roleOf({ Properties: properties }: JsonObject): Json | undefined {
  const role = isObject(properties) && properties.Role ? asIntrinsic(properties.Role) : undefined;
  if (role?.name === 'Ref') return { Ref: role.argument };
  const [id] = role?.name === 'Fn::GetAtt' && Array.isArray(role.argument) ? role.argument : [];
  return typeof id === 'string' ? { Ref: id } : undefined;
}

/** Makes what a connection stands for. @returns the logical ids */
function grant(connection: Connection, plain: Resources): string[] {
  const { id, source, destination, permissions } = connection;
  const pair = `from ${source.type} to ${destination.type}`;
  const profile = CONNECTOR_PROFILES[`${source.type} ${destination.type}`];
  if (!profile) throw fail(id, `Unable to create connector ${pair}; it is not built in Millrace.`);
  const known = Object.keys(profile.actions) as Permission[];
  if (!permissions.every((one) => known.includes(one))) {
    throw fail(id, `Unsupported 'Permissions' provided for connector ${pair}; valid values are: ${known.join(', ')}.`);
  }
  if (profile.whole && !known.every((one) => permissions.includes(one))) {
    throw fail(
      id,
      `Unsupported 'Permissions' provided for connector ${pair}; valid combinations are: ${known.sort().join(' + ')}.`,
    );
  }
  const asked = known.filter((one) => permissions.includes(one)).map((one) => [one, profile.actions[one]!] as const);
  if (profile.grants === 'role') return grantToRole(connection, asked, plain);
  if (profile.grants === 'queue') return grantByQueue(connection, asked, plain);
  return asked.map(([permission, [action]]) => grantByFunction(connection, permission, action!, plain));
}

type Asked = readonly (readonly [permission: Permission, actions: readonly string[]])[];

function grantToRole(connection: Connection, asked: Asked, plain: Resources): string[] {
  const { id, source, destination, suffix } = connection;
  const [fn, other, end] =
    source.type === FUNCTION ? [source, destination, 'Source'] : [destination, source, 'Destination'];
  if (fn.roleName === undefined) throw fail(id, `Unable to get IAM role name from '${end}' resource.`);
  const arn = arnOf(id, other);
  const within = { 'Fn::Sub': ['${DestinationArn}/*', { DestinationArn: arn }] };
  const Statement = asked.map(([, Action]) => ({
    Effect: 'Allow',
    Action,
    Resource: other.type === BUCKET ? [arn, within] : [arn],
  }));
  const policyId = `${id}Policy${suffix}`;
  put(plain, policyId, 'AWS::IAM::ManagedPolicy', connection, {
    PolicyDocument: { Version: '2012-10-17', Statement },
    Roles: [fn.roleName],
  });
  if (source.type === QUEUE) holdMapping(source, destination, policyId, plain);
  return [policyId];
}

function grantByQueue(connection: Connection, asked: Asked, plain: Resources): string[] {
  const { id, source, destination, suffix } = connection;
  if (destination.queueUrl === undefined) throw fail(id, "Unable to get SQS queue URL from 'Destination' resource.");
  const Statement = asked.map(([, [Action]]) => ({
    Effect: 'Allow',
    Principal: { Service: 'sns.amazonaws.com' },
    Resource: arnOf(id, destination),
    Action: Action!,
    Condition: { ArnEquals: { 'aws:SourceArn': arnOf(id, source) } },
  }));
  const policyId = `${id}QueuePolicy${suffix}`;
  put(plain, policyId, 'AWS::SQS::QueuePolicy', connection, {
    PolicyDocument: { Version: '2012-10-17', Statement },
    Queues: [destination.queueUrl],
  });
  return [policyId];
}

function grantByFunction(connection: Connection, permission: Permission, Action: string, plain: Resources): string {
  const { id, source, destination, suffix } = connection;
  const permissionId = `${id}${permission}LambdaPermission${suffix}`;
  put(plain, permissionId, 'AWS::Lambda::Permission', connection, {
    Action,
    FunctionName: arnOf(id, destination),
    Principal: 'sns.amazonaws.com',
    SourceArn: arnOf(id, source),
  });
  return permissionId;
}

function put(plain: Resources, logicalId: string, Type: string, connection: Connection, Properties: JsonObject): void {
  const { id, source, destination, attributes } = connection;
  const ends = { Source: { Type: source.writtenType }, Destination: { Type: destination.writtenType } };
  plain[logicalId] = { Type, ...attributes, Metadata: { 'aws:sam:connectors': { [id]: ends } }, Properties };
}

/** The mapping from the queue to the function must not begin before the function may read. */
function holdMapping(queue: End, fn: End, policyId: string, plain: Resources): void {
  if (queue.id === undefined || fn.id === undefined) return;
  const mappings = Object.entries(plain).filter(([, resource]) => {
    const { Type, Properties: properties } = isObject(resource) ? resource : {};
    if (Type !== 'AWS::Lambda::EventSourceMapping' || !isObject(properties)) return false;
    const { FunctionName, EventSourceArn } = properties;
    const names = [{ Ref: fn.id! }, { 'Fn::GetAtt': [fn.id!, 'Arn'] }];
    return sameJson(EventSourceArn, queue.arn) && names.some((name) => sameJson(FunctionName, name));
  });
  if (mappings.length !== 1) return;
  const [[mappingId, mapping]] = mappings as [[string, JsonObject]];
  plain[mappingId] = { ...mapping, DependsOn: [...listOf(mapping.DependsOn), policyId] };
}

/** What waits for a connector waits for what it has become. */
function replaceDependency(plain: Resources, connector: string, made: readonly string[]): void {
  for (const [id, resource] of Object.entries(plain)) {
    const depends = isObject(resource) ? listOf(resource.DependsOn) : [];
    if (!depends.includes(connector)) continue;
    plain[id] = { ...resource, DependsOn: [...depends.filter((one) => one !== connector), ...made] };
  }
}

function arnOf(connector: string, { arn }: End): Json {
  if (arn === undefined) throw fail(connector, 'an end outside the template must have its Arn.');
  return arn;
}

const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];

const defined = <T extends Readonly<Record<string, Json | undefined>>>(members: T) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Json };

function without(resource: JsonObject, name: string): JsonObject {
  const { [name]: _gone, ...rest } = resource;
  return rest;
}

function fail(id: string, message: string): Error {
  return invalid(`Resource with id [${id}] is invalid. ${message}`);
}
