/** Where domain names are kept. */
export const DOMAINS = 'apigatewayv2-domains';

/** Numbers of HTTP APIs (S5). */
export const HTTP_API_LIMITS = {
  /** APIs of all regions. */
  apisMax: 600,
  routesMax: 300,
  integrationsMax: 300,
  authorizersMax: 10,
  stagesMax: 10,
  /** Models of an API; responses of a route and of an integration. */
  describedPartsMax: 100,
  /** Deployments that are kept; a new one takes the place of the oldest that no stage serves. */
  deploymentsMax: 100,
  domainsMax: 120,
  mappingsPerDomainMax: 200,
  scopesPerRouteMax: 10,
  audiencesMax: 50,
  stageVariablesMax: 100,
  tagsMax: 50,
  /** Items of a page unless said. */
  pageMax: 500,
  /** Milliseconds that an integration may be given. */
  timeoutMsMin: 50,
  timeoutMsMax: 30_000,
  /** Seconds that a result of an authorizer may be kept. */
  authorizerTtlSecondsMax: 3600,
  /** Text of an OpenAPI definition. */
  definitionBytesMax: 6 * 1024 * 1024,
} as const;
