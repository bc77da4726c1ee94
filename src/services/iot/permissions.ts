import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  both,
  each,
  madeWithTags,
  type Permission,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import { nameInArn } from './operations/thing-groups.ts';
import type { Tags } from './tags.ts';

type Input = Readonly<Record<string, any>>;

/** The kind of a resource in its ARN, and the member of inputs that names one. */
const KINDS: Readonly<Record<string, string>> = {
  authorizer: 'authorizerName',
  cacert: 'certificateId',
  cert: 'certificateId',
  policy: 'policyName',
  provisioningtemplate: 'templateName',
  rule: 'ruleName',
  thing: 'thingName',
  thinggroup: 'thingGroupName',
  thingtype: 'thingTypeName',
};

/**
 * Which rights the operations on things, certificates, rules and the like need.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS IoT"
 */
export function iotPermissions(tags: Pick<Tags, 'list'>): Readonly<Record<string, PermissionsOf>> {
  const tagsOf = (arn: string) => {
    try {
      return resourceTags(tags.list(arn));
    } catch {
      return undefined;
    }
  };
  const at = (arn: string): Target => ({ resources: [arn], context: tagsOf(arn) });
  const the = (kind: string): TargetOf => {
    const member = KINDS[kind]!;
    return (input: Input, { region }) => at(arnOf(region, kind, input[member]));
  };
  /** A thing or a group by its name or its ARN, where inputs take either: of an ARN nothing but the name counts. */
  const named =
    (kind: 'thing' | 'thinggroup', name: string, arn: string): TargetOf =>
    (input: Input, { region }) =>
      at(arnOf(region, kind, input[name] ?? nameInArn(kind, input[arn]) ?? '*'));
  /** Certificates and groups that policies hang on; what is neither is no resource. */
  const holder = (arn: unknown): Target =>
    typeof arn === 'string' && /^arn:[^:]*:iot:/.test(arn) ? at(arn) : anything();
  const making = (name: string, kind: string): PermissionsOf =>
    madeWithTags(`iot:${name}`, 'iot:TagResource', the(kind), (input) => input.tags);
  const tagged: TargetOf = ({ resourceArn }) => at(resourceArn);
  const membership: TargetOf = (input, place) => {
    const thing = named('thing', 'thingName', 'thingArn')(input, place);
    const group = named('thinggroup', 'thingGroupName', 'thingGroupArn')(input, place);
    return { ...group, resources: [...thing.resources, ...group.resources] };
  };
  const regrouping: TargetOf = ({ thingName, thingGroupsToAdd = [], thingGroupsToRemove = [] }: Input, { region }) => ({
    resources: [
      arnOf(region, 'thing', thingName),
      ...[...thingGroupsToAdd, ...thingGroupsToRemove].map((group: string) => arnOf(region, 'thinggroup', group)),
    ],
  });
  const attaching: TargetOf = ({ principal, thingName }, { region }) => {
    const target = holder(principal);
    return { ...target, context: { ...target.context, 'iot:thingArn': arnOf(region, 'thing', thingName) } };
  };
  const passing =
    (member: string) =>
    (input: Input): readonly Permission[] =>
      input[member] === undefined ? [] : [pass(String(input[member]))];
  /** The role that newcomers are provisioned with. */
  const registering = ({ registrationConfig }: Input): readonly Permission[] =>
    registrationConfig?.roleArn === undefined ? [] : [pass(String(registrationConfig.roleArn))];
  const ruling = (make: PermissionsOf): PermissionsOf =>
    both(make, ({ topicRulePayload }: Input) => rolesIn(topicRulePayload).map(pass));
  return {
    ...each('iot', the('cert'), [
      ...['AcceptCertificateTransfer', 'CancelCertificateTransfer', 'DeleteCertificate', 'DescribeCertificate'],
      ...['RejectCertificateTransfer', 'TransferCertificate', 'UpdateCertificate'],
    ]),
    ...each('iot', the('cacert'), ['DeleteCACertificate', 'DescribeCACertificate']),
    ...each('iot', the('thing'), [
      ...['CreateThing', 'DeleteThing', 'DescribeThing', 'UpdateThing', 'ListThingGroupsForThing'],
      ...['ListThingPrincipals', 'ListThingPrincipalsV2', 'GetThingConnectivityData'],
    ]),
    ...each('iot', the('thinggroup'), [
      ...['DeleteThingGroup', 'DescribeThingGroup', 'ListThingsInThingGroup', 'UpdateThingGroup'],
    ]),
    ...each('iot', the('thingtype'), ['DeleteThingType', 'DeprecateThingType', 'DescribeThingType', 'UpdateThingType']),
    ...each('iot', the('policy'), [
      ...['CreatePolicyVersion', 'DeletePolicy', 'DeletePolicyVersion', 'GetPolicy', 'GetPolicyVersion'],
      ...['ListPolicyVersions', 'ListTargetsForPolicy', 'SetDefaultPolicyVersion'],
    ]),
    ...each('iot', the('authorizer'), [
      ...['DeleteAuthorizer', 'DescribeAuthorizer', 'SetDefaultAuthorizer', 'TestInvokeAuthorizer', 'UpdateAuthorizer'],
    ]),
    ...each('iot', the('rule'), ['DeleteTopicRule', 'DisableTopicRule', 'EnableTopicRule', 'GetTopicRule']),
    ...each('iot', the('provisioningtemplate'), [
      ...['CreateProvisioningClaim', 'CreateProvisioningTemplateVersion', 'DeleteProvisioningTemplate'],
      ...['DeleteProvisioningTemplateVersion', 'DescribeProvisioningTemplate', 'DescribeProvisioningTemplateVersion'],
      ...['ListProvisioningTemplateVersions'],
    ]),
    UpdateProvisioningTemplate: both(
      right('iot:UpdateProvisioningTemplate', the('provisioningtemplate')),
      passing('provisioningRoleArn'),
    ),
    CreateAuthorizer: making('CreateAuthorizer', 'authorizer'),
    CreatePolicy: making('CreatePolicy', 'policy'),
    CreateThingGroup: making('CreateThingGroup', 'thinggroup'),
    CreateThingType: making('CreateThingType', 'thingtype'),
    CreateProvisioningTemplate: both(
      making('CreateProvisioningTemplate', 'provisioningtemplate'),
      passing('provisioningRoleArn'),
    ),
    // Its tags are a header: `key=value&...`.
    CreateTopicRule: ruling(
      madeWithTags('iot:CreateTopicRule', 'iot:TagResource', the('rule'), ({ tags: given }) =>
        given === undefined ? undefined : Object.fromEntries(new URLSearchParams(given)),
      ),
    ),
    ReplaceTopicRule: ruling(right('iot:ReplaceTopicRule', the('rule'))),
    RegisterCACertificate: both(
      madeWithTags('iot:RegisterCACertificate', 'iot:TagResource', anything, ({ tags: t }) => t),
      registering,
    ),
    UpdateCACertificate: both(right('iot:UpdateCACertificate', the('cacert')), registering),
    ...each('iot', ({ target }) => holder(target), ['AttachPolicy', 'DetachPolicy']),
    ...each('iot', ({ principal }) => holder(principal), [
      ...['AttachPrincipalPolicy', 'DetachPrincipalPolicy', 'GetEffectivePolicies', 'ListPrincipalThings'],
      ...['ListPrincipalThingsV2'],
    ]),
    TestAuthorization: right('iot:TestAuthorization', ({ principal }) => holder(principal)),
    ...each('iot', attaching, ['AttachThingPrincipal', 'DetachThingPrincipal']),
    ...each('iot', membership, ['AddThingToThingGroup', 'RemoveThingFromThingGroup']),
    UpdateThingGroupsForThing: right('iot:UpdateThingGroupsForThing', regrouping),
    ...each('iot', anything, [
      ...['ClearDefaultAuthorizer', 'CreateCertificateFromCsr', 'CreateKeysAndCertificate', 'DeleteRegistrationCode'],
      ...['DescribeDefaultAuthorizer', 'DescribeEndpoint', 'DescribeEventConfigurations', 'GetRegistrationCode'],
      ...['ListAttachedPolicies', 'ListAuthorizers', 'ListCACertificates', 'ListCertificates', 'ListCertificatesByCA'],
      ...['ListOutgoingCertificates', 'ListPolicies', 'ListPolicyPrincipals', 'ListPrincipalPolicies'],
      ...['ListProvisioningTemplates', 'ListThingGroups', 'ListThingTypes', 'ListThings', 'ListTopicRules'],
      ...['RegisterCertificate', 'RegisterCertificateWithoutCA', 'RegisterThing', 'UpdateEventConfigurations'],
    ]),
    ListTagsForResource: right('iot:ListTagsForResource', tagged),
    ...each(
      'iot',
      tagging(tagged, ({ tags: given, tagKeys: keys }) => ({ tags: given, keys })),
      [...['TagResource', 'UntagResource']],
    ),
  };
}

/** Rights in the data plane: on topics and clients. @see the same page */
export const IOT_DATA_PERMISSIONS: Readonly<Record<string, PermissionsOf>> = {
  // A retained message is a right of its own, as a device needs it.
  Publish: ({ topic, retain }: Input, { region }) => {
    const resources = [arnOf(region, 'topic', topic)];
    const names = retain ? ['Publish', 'RetainPublish'] : ['Publish'];
    return names.map((name) => ({ action: `iot:${name}`, resources }));
  },
  ...each('iot', ({ topic }, { region }) => ({ resources: [arnOf(region, 'topic', topic)] }), ['GetRetainedMessage']),
  ...each('iot', anything, ['ListRetainedMessages']),
  ...each('iot', ({ clientId }, { region }) => ({ resources: [arnOf(region, 'client', clientId)] }), [
    ...['DeleteConnection', 'GetConnection', 'ListSubscriptions'],
  ]),
};

function arnOf(region: string, kind: string, name: unknown): string {
  return formatArn('iot', region, ACCOUNT_ID, `${kind}/${name}`);
}

function pass(roleArn: string): Permission {
  const context = { 'iam:PassedToService': 'iot.amazonaws.com' };
  return permission('iam:PassRole', { resources: [roleArn], context });
}

/** Roles that the actions of a rule work with, each once. */
function rolesIn(payload: unknown): readonly string[] {
  const found = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      if (key === 'roleArn' && typeof member === 'string') found.add(member);
      else look(member);
    }
  };
  look(payload);
  return [...found];
}
