/** Numbers of function URLs (S5). */
export const HTTP_LIMITS = {
  /** Body of a request, and the event that is made of it (AWS: 6 MB). */
  requestBytesMax: 6 * 1024 * 1024,
  /** Bodies held at the same time, all requests together; beyond it requests get 503. */
  bufferedBytesMax: 256 * 1024 * 1024,
  /** Status, headers and cookies in front of a streamed response: clients take no more, and it is searched with every piece. */
  preludeBytesMax: 64 * 1024,
  /** Fields of a browser's form to a bucket before its file, all together, and what may stand behind it (S3: 20 KB). */
  formFieldsBytesMax: 20 * 1024,
} as const;

/** Numbers of HTTP APIs and REST APIs (S5). */
export const API_LIMITS = {
  /** Body of a request or of an HTTP integration's response (AWS: 10 MB). */
  payloadBytesMax: 10 * 1024 * 1024,
  /** An event for a function (Lambda: 6 MB). */
  eventBytesMax: 6 * 1024 * 1024,
  /** Request line and all headers together (AWS: 10,240). */
  headBytesMax: 10_240,
  /** Segments of a path: more match no route. */
  pathSegmentsMax: 64,
  /** Of a body that is searched with a JSON path. */
  searchedBodyBytesMax: 100 * 1024,
  /** Unless an integration says less (AWS: 30 s for HTTP APIs). */
  integrationMsMax: 30_000,
  /** REST APIs (AWS: 29 s). */
  restIntegrationMsMax: 29_000,
  /** A function that authorizes must answer within. */
  authorizerMsMax: 10_000,
  /** Results of authorizers that are kept; the oldest goes first. */
  authorizerResultsMax: 10_000,
  issuerKeysMax: 100,
  /** Keys of an issuer are used so long (AWS: two hours). */
  issuerKeysMsMax: 7_200_000,
  /** A token with an unknown key makes the keys be read anew, not sooner than this after the last time. */
  issuerRetryMs: 10_000,
  /** Issuers whose keys are remembered. */
  issuersMax: 1_000,
  /** A JSON Web Token. */
  tokenBytesMax: 8 * 1024,
  /** Token buckets of stages and routes; when there are more they all begin anew. */
  bucketsMax: 10_000,
} as const;
