import type {
  Api,
  ApiMapping,
  Authorizer,
  Deployment,
  DomainName,
  Integration,
  IntegrationResponse,
  Model,
  Route,
  RouteResponse,
  Stage,
} from '@aws-sdk/client-apigatewayv2';

/* What is kept has the member names of AWS's model; times are epoch milliseconds. */

type Kept<T> = { readonly [Name in keyof T]: T[Name] };

export type HttpApiSettings = Kept<Omit<Api, 'ApiId' | 'ApiEndpoint' | 'CreatedDate' | 'Tags'>>;
export type HttpRoute = Kept<Route> & { readonly RouteId: string; readonly RouteKey: string };
export type HttpIntegration = Kept<Integration> & { readonly IntegrationId: string };
export type HttpAuthorizer = Kept<Authorizer> & { readonly AuthorizerId: string; readonly Name: string };
export type HttpStage = Kept<Omit<Stage, 'CreatedDate' | 'LastUpdatedDate'>> & {
  readonly StageName: string;
  readonly createdAt: number;
  readonly updatedAt: number;
};
export type HttpDeployment = Kept<Omit<Deployment, 'CreatedDate'>> & {
  readonly DeploymentId: string;
  readonly createdAt: number;
};

/** What requests are answered by: what a deployment takes a picture of. */
export interface ApiContent {
  readonly routes: Readonly<Record<string, HttpRoute>>;
  readonly integrations: Readonly<Record<string, HttpIntegration>>;
  readonly authorizers: Readonly<Record<string, HttpAuthorizer>>;
}

/** What describes an API and answers no request; of route responses and integration responses with what they belong to. */
export interface DescribedParts {
  readonly models?: Readonly<Record<string, Kept<Model>>>;
  readonly routeResponses?: Readonly<Record<string, Kept<RouteResponse> & { readonly parentId: string }>>;
  readonly integrationResponses?: Readonly<Record<string, Kept<IntegrationResponse> & { readonly parentId: string }>>;
}

export interface HttpApi extends DescribedParts {
  readonly id: string;
  readonly region: string;
  readonly createdAt: number;
  readonly settings: HttpApiSettings;
  readonly tags: Readonly<Record<string, string>>;
  /** As it stands now. */
  readonly content: ApiContent;
  readonly stages: Readonly<Record<string, HttpStage>>;
  readonly deployments: Readonly<Record<string, HttpDeployment>>;
}

export interface ApiDomain extends Kept<Omit<DomainName, 'DomainName' | 'DomainNameArn' | 'Tags'>> {
  readonly name: string;
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly mappings: Readonly<Record<string, Kept<ApiMapping> & { readonly ApiMappingId: string }>>;
}
