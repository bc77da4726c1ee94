/* What is kept has the member names of AWS's model; times are epoch milliseconds. */

type Texts = Readonly<Record<string, string>>;
type Flags = Readonly<Record<string, boolean>>;

export interface RestIntegrationResponse {
  readonly statusCode: string;
  readonly selectionPattern?: string;
  readonly responseParameters?: Texts;
  readonly responseTemplates?: Texts;
  readonly contentHandling?: string;
}

export interface RestIntegration {
  readonly type: 'AWS' | 'AWS_PROXY' | 'HTTP' | 'HTTP_PROXY' | 'MOCK';
  readonly httpMethod?: string;
  readonly uri?: string;
  readonly connectionType?: string;
  readonly connectionId?: string;
  readonly credentials?: string;
  readonly requestParameters?: Texts;
  readonly requestTemplates?: Texts;
  readonly passthroughBehavior?: string;
  readonly contentHandling?: string;
  readonly timeoutInMillis?: number;
  readonly cacheNamespace?: string;
  readonly cacheKeyParameters?: readonly string[];
  readonly integrationResponses?: Readonly<Record<string, RestIntegrationResponse>>;
}

export interface RestMethodResponse {
  readonly statusCode: string;
  readonly responseParameters?: Flags;
  readonly responseModels?: Texts;
}

export interface RestMethod {
  readonly httpMethod: string;
  readonly authorizationType: string;
  readonly authorizerId?: string;
  readonly authorizationScopes?: readonly string[];
  readonly apiKeyRequired: boolean;
  readonly operationName?: string;
  readonly requestValidatorId?: string;
  readonly requestParameters?: Flags;
  readonly requestModels?: Texts;
  readonly methodResponses?: Readonly<Record<string, RestMethodResponse>>;
  readonly methodIntegration?: RestIntegration;
}

export interface RestResource {
  readonly id: string;
  readonly parentId?: string;
  readonly pathPart?: string;
  readonly path: string;
  readonly methods: Readonly<Record<string, RestMethod>>;
}

export interface RestAuthorizer {
  readonly id: string;
  readonly name: string;
  readonly type: 'TOKEN' | 'REQUEST' | 'COGNITO_USER_POOLS';
  readonly providerARNs?: readonly string[];
  readonly authType?: string;
  readonly authorizerUri?: string;
  readonly authorizerCredentials?: string;
  readonly identitySource?: string;
  readonly identityValidationExpression?: string;
  readonly authorizerResultTtlInSeconds?: number;
}

export interface RestModel {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly description?: string;
  readonly schema?: string;
}

export interface RestValidator {
  readonly id: string;
  readonly name: string;
  readonly validateRequestBody: boolean;
  readonly validateRequestParameters: boolean;
}

export interface RestGatewayResponse {
  readonly responseType: string;
  readonly statusCode?: string;
  readonly responseParameters?: Texts;
  readonly responseTemplates?: Texts;
}

/** What requests are answered by: what a deployment takes a picture of. */
export interface RestContent {
  readonly rootId: string;
  readonly resources: Readonly<Record<string, RestResource>>;
  readonly authorizers: Readonly<Record<string, RestAuthorizer>>;
  /** By name. */
  readonly models: Readonly<Record<string, RestModel>>;
  readonly validators: Readonly<Record<string, RestValidator>>;
  readonly gatewayResponses: Readonly<Record<string, RestGatewayResponse>>;
  readonly binaryMediaTypes?: readonly string[];
  /** JSON text. */
  readonly policy?: string;
}

export interface MethodSetting {
  readonly metricsEnabled?: boolean;
  readonly loggingLevel?: string;
  readonly dataTraceEnabled?: boolean;
  readonly throttlingBurstLimit?: number;
  readonly throttlingRateLimit?: number;
  readonly cachingEnabled?: boolean;
  readonly cacheTtlInSeconds?: number;
  readonly cacheDataEncrypted?: boolean;
}

export interface RestStage {
  readonly stageName: string;
  readonly deploymentId: string;
  readonly description?: string;
  readonly variables?: Texts;
  readonly cacheClusterEnabled?: boolean;
  readonly cacheClusterSize?: string;
  readonly tracingEnabled?: boolean;
  readonly documentationVersion?: string;
  readonly clientCertificateId?: string;
  readonly accessLogSettings?: { readonly destinationArn?: string; readonly format?: string };
  /** By `resource path/method`, slashes within the path as they are: `pets/{id}/GET`, all by `*` and `*`. */
  readonly methodSettings?: Readonly<Record<string, MethodSetting>>;
  readonly tags?: Texts;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface RestDeployment {
  readonly id: string;
  readonly description?: string;
  readonly createdAt: number;
}

export interface RestApiSettings {
  readonly name: string;
  readonly description?: string;
  readonly version?: string;
  readonly minimumCompressionSize?: number;
  readonly apiKeySource: string;
  readonly endpointConfiguration: { readonly types: readonly string[]; readonly [more: string]: unknown };
  readonly disableExecuteApiEndpoint: boolean;
}

export interface RestApi {
  readonly id: string;
  readonly region: string;
  readonly createdAt: number;
  readonly settings: RestApiSettings;
  readonly tags: Texts;
  /** As it stands now. */
  readonly content: RestContent;
  readonly stages: Readonly<Record<string, RestStage>>;
  readonly deployments: Readonly<Record<string, RestDeployment>>;
}

export interface ApiKey {
  readonly id: string;
  readonly region: string;
  readonly value: string;
  readonly name?: string;
  readonly customerId?: string;
  readonly description?: string;
  readonly enabled: boolean;
  readonly stageKeys: readonly string[];
  readonly tags: Texts;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface UsagePlan {
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly description?: string;
  readonly productCode?: string;
  readonly apiStages: readonly {
    readonly apiId: string;
    readonly stage: string;
    readonly throttle?: Readonly<Record<string, { readonly burstLimit?: number; readonly rateLimit?: number }>>;
  }[];
  readonly throttle?: { readonly burstLimit?: number; readonly rateLimit?: number };
  readonly quota?: { readonly limit?: number; readonly offset?: number; readonly period?: string };
  /** Ids of keys. */
  readonly keys: readonly string[];
  readonly tags: Texts;
}
