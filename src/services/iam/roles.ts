import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import { type InstanceProfile, type Role, uniqueId } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { checkModifiable, holder, isTaken } from './holders.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';
import { holds } from './users.ts';

/** What a role is made with. */
export type RoleSettings = Pick<
  Role,
  'trustPolicy' | 'description' | 'maxSessionSeconds' | 'tags' | 'boundary' | 'attachedPolicies'
>;

/** @throws entity-exists, limit-exceeded */
export function createRole(state: IamState, name: string, path: string, settings: RoleSettings): Promise<Role> {
  return state.change(() => {
    if (isTaken(state.roles.names(), name)) throw iamError('entity-exists', `Role with name ${name} already exists.`);
    if (state.roles.size >= IAM_LIMITS.rolesMax) throw quotaExceeded('RolesPerAccount', IAM_LIMITS.rolesMax);
    const arn = formatArn('iam', '', ACCOUNT_ID, `role${path}${name}`);
    const role = { name, id: uniqueId('AROA', state.random), arn, path, createdAt: state.clock.now(), ...settings };
    return { changes: [state.roles.change(name, role)], result: role };
  });
}

/** @throws no-such-entity, delete-conflict, unmodifiable-entity */
export function deleteRole(state: IamState, name: string): Promise<void> {
  return state.change(() => {
    const role = holder(state, 'Role', name);
    checkModifiable(role);
    if ((role.attachedPolicies ?? []).length > 0) throw holds('must detach all policies first.');
    if (Object.keys(role.inlinePolicies ?? {}).length > 0) throw holds('must delete policies first.');
    if (profilesOf(state, name).length > 0) throw holds('must remove roles from instance profile first.');
    return { changes: [state.roles.change(name, undefined)], result: undefined };
  });
}

/** Instance profiles with a role in them, sorted by name. */
export function profilesOf({ profiles }: IamState, roleName: string): readonly InstanceProfile[] {
  return profiles.list().filter(({ roles }) => roles.includes(roleName));
}

/** The role of a service's own. @throws invalid-input for one that is there already */
export async function createServiceLinkedRole(
  state: IamState,
  service: string,
  description: string | undefined,
  suffix: string | undefined,
): Promise<Role> {
  const name = serviceLinkedRoleName(service, suffix);
  if (state.roles.has(name)) {
    const what = `Service role name ${name} has been taken in this account, please try a different suffix.`;
    throw iamError('invalid-input', what);
  }
  const trustPolicy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });
  return createRole(state, name, `/aws-service-role/${service}/`, {
    trustPolicy,
    ...(description !== undefined && { description }),
    maxSessionSeconds: 3600,
    tags: {},
    attachedPolicies: [],
  });
}

/** Deletes a service's own role; nothing here depends on one. @returns the id of the task @throws no-such-entity, invalid-input */
export function deleteServiceLinkedRole(state: IamState, name: string): Promise<string> {
  return state.change(() => {
    const role = holder(state, 'Role', name);
    const service = /^\/aws-service-role\/([^/]+)\/$/.exec(role.path)?.[1];
    if (service === undefined) throw iamError('no-such-entity', `The role with name ${name} cannot be found.`);
    const result = `task/aws-service-role/${service}/${name}/${taskId(state)}`;
    return { changes: [state.roles.change(name, undefined)], result };
  });
}

function taskId({ random }: IamState): string {
  const hex = random.bytes(16).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** What AWS calls a service's own role, where it is known: `AWSServiceRoleFor` and the service's name. */
const SERVICE_NAMES: Readonly<Record<string, string>> = {
  'apigateway.amazonaws.com': 'APIGateway',
  'ops.apigateway.amazonaws.com': 'APIGateway',
  'autoscaling.amazonaws.com': 'AutoScaling',
  'dynamodb.application-autoscaling.amazonaws.com': 'ApplicationAutoScaling_DynamoDBTable',
  'lambda.application-autoscaling.amazonaws.com': 'ApplicationAutoScaling_LambdaConcurrency',
  'contributorinsights.dynamodb.amazonaws.com': 'DynamoDBCloudWatchContributorInsights',
  'kinesisreplication.dynamodb.amazonaws.com': 'DynamoDBKinesisDataStreamsReplication',
  'replication.dynamodb.amazonaws.com': 'DynamoDBReplication',
  'ecs.amazonaws.com': 'ECS',
  'elasticloadbalancing.amazonaws.com': 'ElasticLoadBalancing',
  'events.amazonaws.com': 'CloudWatchEvents',
  'apidestinations.events.amazonaws.com': 'AmazonEventBridgeApiDestinations',
  'lex.amazonaws.com': 'LexBots',
  'rds.amazonaws.com': 'RDS',
  'replicator.lambda.amazonaws.com': 'LambdaReplicator',
  'spot.amazonaws.com': 'EC2Spot',
};

/** The name of a service's own role. */
export function serviceLinkedRoleName(service: string, suffix: string | undefined): string {
  const name = SERVICE_NAMES[service] ?? capitalized(service.replace(/\.amazonaws\.com$/, ''));
  return `AWSServiceRoleFor${name}${suffix === undefined ? '' : `_${suffix}`}`;
}

function capitalized(service: string): string {
  const words = service.split(/[.-]/).filter((word) => word !== '');
  return words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}
