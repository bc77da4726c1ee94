/** Numbers of the service (S5); AWS's own quotas where it has them. */
export const CLOUDFORMATION_LIMITS = {
  templateBytesMax: 1_000_000,
  /** Of a template in the request itself; a larger one comes by `TemplateURL`. */
  templateBodyBytesMax: 51_200,
  /** Depth of lists and mappings in a template; deeper ones are refused before anything walks through them. */
  templateDepthMax: 100,
  /** Bytes of a template once its YAML aliases are written out. */
  templateExpandedBytesMax: 4_000_000,
  resourcesMax: 500,
  parametersMax: 200,
  /** How long all `AllowedPattern`s of a template may look at its parameters: one that takes longer is refused. */
  patternsMsMax: 500,
  outputsMax: 200,
  mappingsMax: 200,
  stacksMax: 2_000,
  changeSetsPerStackMax: 1_000,
  /** Characters of a change set's name. */
  changeSetNameMax: 128,
  /** Deleted stacks stay visible by their id, as on AWS. */
  deletedStackAgeMsMax: 90 * 24 * 3_600_000,
  /** Events kept of one stack; the oldest go first. */
  eventsPerStackMax: 5_000,
  /** Events that are read at once to be told to topics. */
  eventsToldAtOnce: 50,
  /** Characters of a resource's properties in a notification; longer ones are left out, as a message takes 256 KiB. */
  toldPropertiesMax: 60_000,
  stackPolicyBytesMax: 16_384,
  /** Stacks in stacks, the outermost counted. */
  nestingMax: 8,
  /** Resources of one stack that are worked on at the same time. */
  stepsInFlightMax: 8,
  /** How long a resource may take to become ready before its step fails. */
  stabilizeMsMax: 10 * 60_000,
  stabilizePollMs: 100,
  /** How long a custom resource may take to answer, by `ServiceTimeout`; an hour unless said. */
  customTimeoutSecondsMax: 3_600,
  /** Bytes of an answer to a custom resource's request or a wait condition. */
  answerBytesMax: 4_096,
  /** Answers to one wait condition or creation policy. */
  answersPerQuestionMax: 1_000,
  /** Operations that begin a deployment wait so long for its end, since clients' waiters then ask once and not for half a minute. */
  promptMsMax: 1_500,
  /** Calls that fail with a retryable error are made again so often, with doubling waits. */
  callAttemptsMax: 5,
  callBackoffMs: 100,
} as const;
