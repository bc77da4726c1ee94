/** Numbers of the device cloud (S5). Where AWS documents a quota, ours is the same. */
export const IOT_LIMITS = {
  /** Payload of one message: AWS takes 128 KiB. */
  payloadBytesMax: 128 * 1024,
  /** Levels of a topic or filter: AWS refuses more than seven slashes; we take what a plant may have, and stop bombs. */
  topicLevelsMax: 32,
  /** Bytes of a topic or filter. */
  topicBytesMax: 1024,
  /** Bytes of a client id: AWS takes 128. It is a key of the store, and a level of topics for answers. */
  clientIdBytesMax: 1024,
  /** Subscriptions of one client. */
  subscriptionsPerClientMax: 1_000,
  /**
   * Bytes of all subscriptions of the node: 300 each, with its filter and 110 for each of its levels. Of them too a principal may have as
   * many as are free; a filter beyond it is refused.
   */
  subscriptionsBytesMax: 1024 * 1024 * 1024,
  /** Routes (topic to receivers and rules) kept at hand; the store is emptied when it is full. */
  routesMax: 65_536,
  /** How soon routes forget a subscriber that has gone. */
  routeSweepMs: 1_000,
  /** How often those who are subscribed to `$SYS` topics get them. */
  systemTopicsMs: 10_000,
  /** Retained messages of the node. */
  retainedMessagesMax: 100_000,
  /** Bytes of them together, with their topics and properties. */
  retainedBytesMax: 256 * 1024 * 1024,
  /** Retained messages that one client is sent in a turn of the event loop: others have theirs in between. */
  retainedPerTurnMax: 256,
  /**
   * Durable sessions of the node, connected or not: a CONNECT that would begin another is refused. One principal may have as many as are
   * free: half of them when it is alone.
   */
  sessionsMax: 100_000,
  /** A session whose will is larger counts as several: one more for each so many bytes, as it is kept (a third more than it is sent with). */
  willBytesPerSession: 4096,
  /** Longest session expiry interval, seconds, 7 days as on AWS; MQTT 5 clients are told, and 3.1.1 sessions have it. */
  sessionExpirySecondsMax: 7 * 24 * 3600,
  /** QoS 1 and 2 messages in the queue of one durable session, sent and unsent: beyond it new ones are dropped and counted. */
  sessionMessagesMax: 10_000,
  /** Bytes of them on disk: likewise. */
  sessionBytesMax: 16 * 1024 * 1024,
  /** Bytes on disk of all queues together: likewise. The sessions of one principal may have as many as are free: half of them when it is alone. */
  sessionsBytesMax: 4 * 1024 * 1024 * 1024,
  /** Messages of a connected session's queue that are held in memory, beside those in flight. */
  sessionReadyMax: 256,
  /** Bytes of them; the last one may exceed it. */
  sessionReadyBytesMax: 1024 * 1024,
  /** Writes of sessions in one transaction: what one message causes for more durable sessions is not made durable as one. */
  sessionWritesMax: 20_000,
  /** Topic rules. */
  rulesMax: 1_000,
  /** Actions of one rule. */
  actionsPerRuleMax: 10,
  /** Characters of a rule's SQL. */
  sqlCharactersMax: 65_536,
  /** How deep its expressions nest. */
  sqlDepthMax: 100,
  /** A rule that republishes may cause a rule that republishes: this often, then the message is dropped and counted. */
  republishDepthMax: 8,
  /** Tries of a delivery that an action hands to the outbox. */
  actionAttemptsMax: 185,
  /** Age at which such a delivery is given up. */
  actionAgeMsMax: 24 * 3600 * 1000,
  /** Things of the node; all are in memory, some 900 bytes each. */
  thingsMax: 200_000,
  thingTypesMax: 1_000,
  thingGroupsMax: 5_000,
  /** Attributes of a thing with a type, and of a group. */
  attributesWithTypeMax: 50,
  attributesWithoutTypeMax: 3,
  /** Names and values of all attributes of a thing together. */
  attributeBytesMax: 47 * 1024,
  searchableAttributesMax: 3,
  /** How long a thing type must have been deprecated before it can be deleted. */
  typeDeprecationMsMin: 5 * 60 * 1000,
  /** Groups that a thing is in itself. */
  groupsPerThingMax: 10,
  /** Groups from the root down, the root included. */
  groupDepthMax: 7,
  childGroupsMax: 100,
  principalsPerThingMax: 10,
  /** Tags of one resource. */
  tagsMax: 50,
  /** Clients that are remembered when they have gone; those gone longest, and no things, make room. */
  clientsMax: 200_000,
  /** Connections of each that are remembered. */
  connectionsPerClientMax: 50,
  /** Clients that are no things are forgotten when they have been gone for so long, as AWS forgets their version numbers. */
  clientGoneMsMax: 7 * 24 * 3600 * 1000,
  clientSweepMs: 3600 * 1000,
  /** Connections that follow one another so quickly are counted: a client that cannot stay. */
  restlessMs: 2 * 60 * 1000,
  /** Longer client ids have no connection history. */
  recordedClientIdBytesMax: 256,
  /** Rows of connection history that are encoded and committed at once: others have their turn in between. */
  historyRowsAtOnce: 1_000,
  /** How long connection history gathers before it is written: a crash loses so much of it. */
  historyDelayMs: 1_000,
  /** Wait after the store has refused it. */
  historyRetryMs: 5_000,
  /** Rows of it that wait meanwhile; what comes after is not remembered. */
  historyPendingMax: 400_000,
  /** Device policies of the node. */
  policiesMax: 10_000,
  /** Bytes of a policy document, white space not counted. */
  policyBytesMax: 2048,
  policyVersionsMax: 5,
  /** Policies attached to one certificate, group or other target. */
  policiesPerTargetMax: 10,
  /** Custom authorizers of the node. */
  authorizersMax: 50,
  /** Policy documents that one may answer with. */
  authorizerPoliciesMax: 10,
  /** How long its function may take, as on AWS. */
  authorizerTimeoutMs: 5_000,
  /** Bounds of `refreshAfterInSeconds` and `disconnectAfterInSeconds`. */
  authorizerSecondsMin: 300,
  authorizerSecondsMax: 86_400,
  /** Authorizers that are being asked at one time: connections beyond it are refused. */
  authorizerInvocationsMax: 500,
  /** Users that prove themselves by a password. */
  deviceUsersMax: 100_000,
  passwordBytesMin: 8,
  passwordBytesMax: 1024,
  /** Passwords that are being checked at one time, 16 MB and some 180 ms of one processor each. */
  passwordChecksMax: 2,
  /** Checks that wait for their turn: connections beyond it are refused. */
  passwordChecksWaitingMax: 50,
  /** Passwords that were right, remembered by a keyed hash: a reconnect costs no slow hash again. */
  passwordsKnownMax: 100_000,
  /** Clients of which it is remembered what they were refused; those refused longest ago make room. */
  refusedClientsMax: 5_000,
  /** Different things that each was refused. */
  refusalsPerClientMax: 20,
  /** Bytes of a token that a client brings. */
  tokenBytesMax: 8_192,
  /** How long keys that were not found are not looked for again. */
  tokenKeysRetryMs: 30_000,
  /** Clients whose messages are being looked at. */
  tapsMax: 100,
  /** Messages of each that are kept for the next look. */
  tapMessagesMax: 200,
  /** Bytes of a payload that are shown. */
  tapPayloadBytesMax: 4096,
  /** A client that nobody has looked at for so long is not looked at any more. */
  tapIdleMs: 15_000,
} as const;
