import { ACCOUNT_ID } from '../../base/index.ts';
import { serviceCatalog } from '../../schemas/index.ts';
import type { Caller } from '../../services/index.ts';

/** Who calls, as CloudTrail tells it. @see CloudTrail user guide, "CloudTrail userIdentity element" */
export interface UserIdentity {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole' | 'FederatedUser' | 'AWSService' | 'Unknown';
  readonly principalId?: string;
  readonly arn?: string;
  readonly accountId?: string;
  readonly accessKeyId?: string;
  readonly userName?: string;
  readonly sessionContext?: {
    readonly sessionIssuer: {
      readonly type: 'Role' | 'IAMUser' | 'Root';
      readonly arn: string;
      readonly accountId: string;
    };
    readonly attributes: { readonly creationDate?: string; readonly mfaAuthenticated: 'false' };
  };
  readonly invokedBy?: string;
}

/**
 * One line of the audit log: a call and what became of it, under the names of CloudTrail's record. Neither what was sent nor what was
 * answered is in it, since either may be a secret.
 *
 * @see CloudTrail user guide, "CloudTrail record contents for management, data, and network activity events"
 */
export interface AuditRecord {
  readonly eventVersion: '1.11';
  readonly userIdentity: UserIdentity;
  /** ISO 8601, when the call was answered. */
  readonly eventTime: string;
  readonly eventSource: string;
  readonly eventName: string;
  readonly awsRegion: string;
  readonly sourceIPAddress: string;
  readonly userAgent?: string;
  readonly errorCode?: string;
  /** Of denials only: other messages may repeat what was sent. */
  readonly errorMessage?: string;
  readonly requestParameters: null;
  readonly responseElements: null;
  readonly requestID: string;
  readonly eventID: string;
  readonly readOnly: boolean;
  readonly resources: readonly { readonly ARN: string; readonly accountId: string }[];
  readonly eventType: 'AwsApiCall';
  readonly managementEvent: boolean;
  readonly eventCategory: 'Management' | 'Data';
  readonly recipientAccountId: string;
}

/** What a record is made of. */
export interface AuditedCall {
  readonly caller: Caller;
  readonly service: string;
  readonly operation: string;
  readonly region: string;
  readonly requestId: string;
  readonly eventId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly sourceIp: string;
  readonly userAgent: string | undefined;
  readonly resources: readonly string[];
  readonly failure?: { readonly type: string; readonly denial?: string } | undefined;
}

/** Characters of texts that callers choose, and resources that one call names: what is beyond is left out. */
const TEXT_MAX = 512;
const RESOURCES_MAX = 25;

export function recordOf(call: AuditedCall): AuditRecord {
  const { service, operation, region, at, sourceIp, userAgent, failure, requestId, eventId } = call;
  const isData = isDataEvent(service, operation);
  const resources = call.resources.filter((arn) => arn.startsWith('arn:')).slice(0, RESOURCES_MAX);
  return {
    eventVersion: '1.11',
    userIdentity: identityOf(call.caller),
    eventTime: new Date(at).toISOString(),
    eventSource: `${serviceCatalog()[service]?.endpointPrefix ?? service}.amazonaws.com`,
    eventName: operation,
    awsRegion: region.slice(0, TEXT_MAX),
    sourceIPAddress: sourceIp,
    ...(userAgent !== undefined && { userAgent: userAgent.slice(0, TEXT_MAX) }),
    ...(failure && { errorCode: failure.type }),
    ...(failure?.denial !== undefined && { errorMessage: failure.denial.slice(0, 2 * TEXT_MAX) }),
    requestParameters: null,
    responseElements: null,
    requestID: requestId,
    eventID: eventId,
    readOnly: isReadOnly(operation),
    resources: resources.map((arn) => ({ ARN: arn.slice(0, 2 * TEXT_MAX), accountId: ACCOUNT_ID })),
    eventType: 'AwsApiCall',
    managementEvent: !isData,
    eventCategory: isData ? 'Data' : 'Management',
    recipientAccountId: ACCOUNT_ID,
  };
}

function identityOf({ arn, accountId, accessKeyId, session, service, device }: Caller): UserIdentity {
  if (service) return { type: 'AWSService', invokedBy: service.principal };
  if (device) return { type: 'Unknown', principalId: device.principal ?? 'device' };
  if (arn === 'anonymous') return { type: 'Unknown', principalId: 'anonymous' };
  const known = { arn, accountId, ...(accessKeyId !== undefined && { accessKeyId }) };
  if (!session) {
    if (arn.endsWith(':root')) return { type: 'Root', principalId: accountId, ...known };
    return { type: 'IAMUser', ...known, userName: arn.slice(arn.lastIndexOf('/') + 1) };
  }
  const { kind, principalArn, userId, issuedAt } = session;
  const type = ({ role: 'AssumedRole', user: 'IAMUser', 'federated-user': 'FederatedUser' } as const)[kind];
  const issuer = kind === 'role' ? 'Role' : principalArn.endsWith(':root') ? 'Root' : 'IAMUser';
  return {
    ...{ type, principalId: userId, ...known },
    sessionContext: {
      sessionIssuer: { type: issuer, arn: principalArn, accountId },
      attributes: {
        ...(issuedAt !== undefined && { creationDate: new Date(issuedAt).toISOString() }),
        mfaAuthenticated: 'false',
      },
    },
  };
}

/** Reading says nothing of who did what; taking on a role, and reading a secret, does. */
const TOLD_READS = /^(AssumeRole.*|GetSessionToken|GetFederationToken|GetSecretValue|BatchGetSecretValue)$/;
const READS =
  /^(Get|List|Describe|Head|BatchGet|BatchCheck|BatchDescribe|Query|Scan|Search|Lookup|Validate|Estimate|Simulate|Select|Filter|Preview|Detect|Test|Generate(CredentialReport|ServiceLast))|^AssumeRole/;

export function isReadOnly(operation: string): boolean {
  return READS.test(operation);
}

/** Whether who has made such a call is to be known. */
export function isTold(operation: string): boolean {
  return !READS.test(operation) || TOLD_READS.test(operation);
}

const DATA: Readonly<Record<string, RegExp>> = {
  apigatewaymanagementapi: /./,
  cloudwatch: /^PutMetricData$/,
  dynamodb: /Item|^Transact|^Execute|^Query$|^Scan$/,
  dynamodbstreams: /^GetRecords$|^GetShardIterator$/,
  ecr: /Layer|^PutImage$|^BatchGetImage$/,
  iotdata: /./,
  kinesis: /^PutRecords?$|^GetRecords$|^GetShardIterator$|^SubscribeToShard$/,
  lambda: /^Invoke/,
  logs: /^PutLogEvents$|^GetLogEvents$|^FilterLogEvents$/,
  s3: /Object(?!LockConfiguration)|Upload|^UploadPart/,
  sns: /^Publish/,
  sqs: /Message(?!MoveTask)/,
};

/** Calls that move data rather than make or change things: CloudTrail keeps them apart, since there are many. */
export function isDataEvent(service: string, operation: string): boolean {
  return Object.hasOwn(DATA, service) && DATA[service]!.test(operation);
}
