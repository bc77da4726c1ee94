/** Numbers of REST APIs (S5). */
export const REST_API_LIMITS = {
  /** APIs of all regions. */
  apisMax: 600,
  resourcesMax: 300,
  authorizersMax: 10,
  stagesMax: 10,
  modelsMax: 100,
  documentationPartsMax: 2_000,
  documentationVersionsMax: 100,
  /** Characters of all documentation of an API, as JSON: it is written whole. */
  documentationBytesMax: 8 * 1024 * 1024,
  /** Of all regions. */
  clientCertificatesMax: 60,
  validatorsMax: 100,
  /** Deployments that are kept; a new one takes the place of the oldest that no stage serves. */
  deploymentsMax: 100,
  stageVariablesMax: 100,
  apiKeysMax: 10_000,
  usagePlansMax: 300,
  usagePlansPerKeyMax: 10,
  /** Days of which it is known what keys have used. AWS: 90. */
  usageDaysMax: 90,
  /** Time in which calls that count for usage plans are written. */
  usageWrittenMs: 1_000,
  tagsMax: 50,
  /** Items of a page unless said, and at most. */
  pageDefault: 25,
  pageMax: 500,
  timeoutMsMin: 50,
  timeoutMsMax: 29_000,
  /** Seconds that the result of an authorizer is kept unless said, and at most. */
  authorizerTtlSecondsDefault: 300,
  authorizerTtlSecondsMax: 3600,
  /** Text of an OpenAPI or Swagger definition. */
  definitionBytesMax: 6 * 1024 * 1024,
  /** A mapping template, and what it may become. */
  templateBytesMax: 300 * 1024,
  patchOperationsMax: 80,
  apiKeyLengthMin: 20,
  apiKeyLengthMax: 128,
} as const;
