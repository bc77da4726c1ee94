/* Properties of `AWS::S3::Bucket` that are settings of their own: their kinds, and the calls that set and take them away. */
import type { JsonObject } from '../template/value.ts';
import { changes, type Kind, type Property, rename } from './properties.ts';

/** A call of S3 beside the bucket's name. */
type SettingCall = readonly [operation: string, input: object];

interface Setting {
  readonly property: Property;
  put(value: any): SettingCall;
  /** What takes the setting away. */
  readonly gone: SettingCall;
}

const TEXTS: Kind = { list: 'text' };
const TAG_LIST: Kind = { list: { object: { Key: 'text', Value: 'text' } } };

const TRANSITION: Kind = { object: { StorageClass: 'text', TransitionDate: 'text', TransitionInDays: 'number' } };
const NONCURRENT_TRANSITION: Kind = {
  object: { StorageClass: 'text', TransitionInDays: 'number', NewerNoncurrentVersions: 'number' },
};
const LIFECYCLE_RULE: Kind = {
  object: {
    Id: 'text',
    Status: 'text',
    Prefix: 'text',
    ExpirationDate: 'text',
    ExpirationInDays: 'number',
    ExpiredObjectDeleteMarker: 'flag',
    NoncurrentVersionExpirationInDays: 'number',
    NoncurrentVersionExpiration: { object: { NoncurrentDays: 'number', NewerNoncurrentVersions: 'number' } },
    AbortIncompleteMultipartUpload: { object: { DaysAfterInitiation: 'number' } },
    TagFilters: TAG_LIST,
    ObjectSizeGreaterThan: 'number',
    ObjectSizeLessThan: 'number',
    Transition: TRANSITION,
    Transitions: { list: TRANSITION },
    NoncurrentVersionTransition: NONCURRENT_TRANSITION,
    NoncurrentVersionTransitions: { list: NONCURRENT_TRANSITION },
  },
};

const S3_KEY: Kind = {
  object: { S3Key: { object: { Rules: { list: { object: { Name: 'text', Value: 'text' } } } } } },
};
const notified = (destination: string): Kind => ({
  list: { object: { Event: 'text', Filter: S3_KEY, [destination]: 'text' } },
});

const REDIRECT: Kind = {
  object: {
    HostName: 'text',
    HttpRedirectCode: 'text',
    Protocol: 'text',
    ReplaceKeyPrefixWith: 'text',
    ReplaceKeyWith: 'text',
  },
};

/** In the order in which they are set: rights before what they allow, events last. */
export const BUCKET_SETTINGS: Readonly<Record<string, Setting>> = {
  OwnershipControls: {
    property: changes({ object: { Rules: { list: { object: { ObjectOwnership: 'text' } } } } }),
    put: (OwnershipControls) => ['PutBucketOwnershipControls', { OwnershipControls }],
    gone: ['DeleteBucketOwnershipControls', {}],
  },
  PublicAccessBlockConfiguration: {
    property: changes({
      object: {
        BlockPublicAcls: 'flag',
        BlockPublicPolicy: 'flag',
        IgnorePublicAcls: 'flag',
        RestrictPublicBuckets: 'flag',
      },
    }),
    put: (PublicAccessBlockConfiguration) => ['PutPublicAccessBlock', { PublicAccessBlockConfiguration }],
    gone: ['DeletePublicAccessBlock', {}],
  },
  AccessControl: {
    property: changes('text'),
    put: (name: string) => ['PutBucketAcl', { ACL: name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase() }],
    gone: ['PutBucketAcl', { ACL: 'private' }],
  },
  VersioningConfiguration: {
    property: changes({ object: { Status: 'text' } }),
    put: (VersioningConfiguration) => ['PutBucketVersioning', { VersioningConfiguration }],
    gone: ['PutBucketVersioning', { VersioningConfiguration: { Status: 'Suspended' } }],
  },
  ObjectLockConfiguration: {
    property: changes({
      object: {
        ObjectLockEnabled: 'text',
        Rule: { object: { DefaultRetention: { object: { Days: 'number', Mode: 'text', Years: 'number' } } } },
      },
    }),
    put: (ObjectLockConfiguration) => ['PutObjectLockConfiguration', { ObjectLockConfiguration }],
    // A lock itself is never taken off a bucket.
    gone: ['PutObjectLockConfiguration', { ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } }],
  },
  CorsConfiguration: {
    property: changes({
      object: {
        CorsRules: {
          list: {
            object: {
              Id: 'text',
              AllowedHeaders: TEXTS,
              AllowedMethods: TEXTS,
              AllowedOrigins: TEXTS,
              ExposedHeaders: TEXTS,
              MaxAge: 'number',
            },
          },
        },
      },
    }),
    put: ({ CorsRules = [] }: any) => {
      const names = { Id: 'ID', ExposedHeaders: 'ExposeHeaders', MaxAge: 'MaxAgeSeconds' };
      const same = {
        AllowedHeaders: 'AllowedHeaders',
        AllowedMethods: 'AllowedMethods',
        AllowedOrigins: 'AllowedOrigins',
      };
      const CORSRules = CorsRules.map((rule: JsonObject) => rename(rule, { ...names, ...same }));
      return ['PutBucketCors', { CORSConfiguration: { CORSRules } }];
    },
    gone: ['DeleteBucketCors', {}],
  },
  LifecycleConfiguration: {
    property: changes({
      object: { Rules: { list: LIFECYCLE_RULE }, TransitionDefaultMinimumObjectSize: 'text' },
    }),
    put: ({ Rules = [], TransitionDefaultMinimumObjectSize }: any) => [
      'PutBucketLifecycleConfiguration',
      { LifecycleConfiguration: { Rules: Rules.map(lifecycleRule) }, TransitionDefaultMinimumObjectSize },
    ],
    gone: ['DeleteBucketLifecycle', {}],
  },
  WebsiteConfiguration: {
    property: changes({
      object: {
        IndexDocument: 'text',
        ErrorDocument: 'text',
        RedirectAllRequestsTo: { object: { HostName: 'text', Protocol: 'text' } },
        RoutingRules: {
          list: {
            object: {
              RedirectRule: REDIRECT,
              RoutingRuleCondition: { object: { HttpErrorCodeReturnedEquals: 'text', KeyPrefixEquals: 'text' } },
            },
          },
        },
      },
    }),
    put: (value) => ['PutBucketWebsite', { WebsiteConfiguration: website(value) }],
    gone: ['DeleteBucketWebsite', {}],
  },
  NotificationConfiguration: {
    property: changes({
      object: {
        LambdaConfigurations: notified('Function'),
        QueueConfigurations: notified('Queue'),
        TopicConfigurations: notified('Topic'),
        EventBridgeConfiguration: 'any',
      },
    }),
    put: (value) => ['PutBucketNotificationConfiguration', { NotificationConfiguration: notifications(value) }],
    gone: ['PutBucketNotificationConfiguration', { NotificationConfiguration: {} }],
  },
};

function lifecycleRule(rule: any): object {
  const { Prefix, TagFilters = [], ObjectSizeGreaterThan, ObjectSizeLessThan } = rule;
  const parts = {
    ...(Prefix !== undefined && { Prefix }),
    ...(ObjectSizeGreaterThan !== undefined && { ObjectSizeGreaterThan }),
    ...(ObjectSizeLessThan !== undefined && { ObjectSizeLessThan }),
  };
  const count = Object.keys(parts).length + TagFilters.length;
  const [Tag] = TagFilters;
  const Filter = count > 1 ? { And: { ...parts, ...(Tag && { Tags: TagFilters }) } } : Tag ? { Tag } : parts;
  const { ExpirationInDays: Days, ExpirationDate, ExpiredObjectDeleteMarker } = rule;
  const noncurrent = rule.NoncurrentVersionExpiration ?? {
    NoncurrentDays: rule.NoncurrentVersionExpirationInDays,
  };
  const transitions = [...(rule.Transitions ?? []), ...(rule.Transition ? [rule.Transition] : [])];
  const noncurrentTransitions = [
    ...(rule.NoncurrentVersionTransitions ?? []),
    ...(rule.NoncurrentVersionTransition ? [rule.NoncurrentVersionTransition] : []),
  ];
  const expiration = {
    ...(Days !== undefined && { Days }),
    ...(ExpirationDate !== undefined && { Date: new Date(ExpirationDate) }),
    ...(ExpiredObjectDeleteMarker !== undefined && { ExpiredObjectDeleteMarker }),
  };
  return {
    ...(rule.Id !== undefined && { ID: rule.Id }),
    Status: rule.Status,
    Filter,
    ...(Object.keys(expiration).length > 0 && { Expiration: expiration }),
    ...(noncurrent.NoncurrentDays !== undefined && { NoncurrentVersionExpiration: noncurrent }),
    ...(rule.AbortIncompleteMultipartUpload && {
      AbortIncompleteMultipartUpload: rule.AbortIncompleteMultipartUpload,
    }),
    ...(transitions.length > 0 && {
      Transitions: transitions.map(({ StorageClass, TransitionInDays, TransitionDate }) => ({
        StorageClass,
        ...(TransitionInDays !== undefined && { Days: TransitionInDays }),
        ...(TransitionDate !== undefined && { Date: new Date(TransitionDate) }),
      })),
    }),
    ...(noncurrentTransitions.length > 0 && {
      NoncurrentVersionTransitions: noncurrentTransitions.map(({ TransitionInDays, ...others }) => ({
        NoncurrentDays: TransitionInDays,
        ...others,
      })),
    }),
  };
}

function website({ IndexDocument, ErrorDocument, RedirectAllRequestsTo, RoutingRules }: any): object {
  return {
    ...(IndexDocument !== undefined && { IndexDocument: { Suffix: IndexDocument } }),
    ...(ErrorDocument !== undefined && { ErrorDocument: { Key: ErrorDocument } }),
    ...(RedirectAllRequestsTo && { RedirectAllRequestsTo }),
    ...(RoutingRules && {
      RoutingRules: RoutingRules.map(({ RedirectRule, RoutingRuleCondition }: any) => ({
        ...(RoutingRuleCondition && { Condition: RoutingRuleCondition }),
        Redirect: RedirectRule,
      })),
    }),
  };
}

/** Where the destination of each kind stands in a template, and in a call. */
const DESTINATIONS = [
  ['LambdaConfigurations', 'Function', 'LambdaFunctionConfigurations', 'LambdaFunctionArn'],
  ['QueueConfigurations', 'Queue', 'QueueConfigurations', 'QueueArn'],
  ['TopicConfigurations', 'Topic', 'TopicConfigurations', 'TopicArn'],
] as const;

function notifications(value: any): object {
  const lists = DESTINATIONS.filter(([list]) => value[list] !== undefined).map(([list, from, calls, to]) => [
    calls,
    value[list].map(({ Event, Filter, [from]: arn }: any) => ({
      Events: [Event],
      [to]: arn,
      ...(Filter?.S3Key && { Filter: { Key: { FilterRules: Filter.S3Key.Rules } } }),
    })),
  ]);
  const { EventBridgeConfiguration } = value;
  return { ...Object.fromEntries(lists), ...(EventBridgeConfiguration && { EventBridgeConfiguration: {} }) };
}
