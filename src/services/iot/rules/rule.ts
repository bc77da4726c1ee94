/** A topic rule as it is stored; members are spelled as in the API. */
export interface TopicRule {
  readonly ruleName: string;
  readonly sql: string;
  readonly description?: string;
  readonly actions: readonly RuleAction[];
  readonly ruleDisabled: boolean;
  readonly awsIotSqlVersion?: string;
  readonly errorAction?: RuleAction;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Where it was made: ARNs of its actions without a region get this one. */
  readonly region: string;
}

/** Exactly one member is set. */
export interface RuleAction {
  readonly kinesis?: { readonly roleArn: string; readonly streamName: string; readonly partitionKey?: string };
  readonly lambda?: { readonly functionArn: string };
  readonly republish?: {
    readonly roleArn: string;
    readonly topic: string;
    readonly qos?: number;
    readonly headers?: RepublishHeaders;
  };
  readonly sqs?: { readonly roleArn: string; readonly queueUrl: string; readonly useBase64?: boolean };
  readonly http?: {
    readonly url: string;
    readonly headers?: readonly { readonly key: string; readonly value: string }[];
    readonly auth?: unknown;
  };
  readonly sns?: { readonly targetArn: string; readonly roleArn: string; readonly messageFormat?: string };
}

/** MQTT 5 properties of a republished message; each a template. */
export interface RepublishHeaders {
  readonly payloadFormatIndicator?: string;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: string;
  readonly messageExpiry?: string;
  readonly userProperties?: readonly { readonly key: string; readonly value: string }[];
}
