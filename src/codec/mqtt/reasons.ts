/** Reason codes of MQTT 5 (2.4); those below 0x80 are successes. */
export const Reason = {
  success: 0x00,
  normalDisconnection: 0x00,
  grantedQos0: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** Reason codes that belong to CONNACK alone, with the one of DISCONNECT that says it best (3.14.2.1). */
const CONNACK_ONLY: Readonly<Record<number, number>> = {
  [Reason.unsupportedProtocolVersion]: Reason.protocolError,
  [Reason.clientIdentifierNotValid]: Reason.notAuthorized,
  [Reason.badUserNameOrPassword]: Reason.notAuthorized,
  [Reason.serverUnavailable]: Reason.serverBusy,
  [Reason.banned]: Reason.notAuthorized,
  [Reason.badAuthenticationMethod]: Reason.notAuthorized,
};

/** The reason code of a DISCONNECT for what has gone wrong [MQTT-3.14.2-1]. */
export function disconnectReasonOf(reasonCode: number): number {
  return CONNACK_ONLY[reasonCode] ?? reasonCode;
}

/** Return codes of a 3.1.1 CONNACK (3.2.2.3). */
export const ConnectReturnCode = {
  accepted: 0,
  unacceptableProtocolVersion: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;

/** The 3.1.1 CONNACK return code that says best what an MQTT 5 reason code says. */
export function connectReturnCodeOf(reasonCode: number): number {
  switch (reasonCode) {
    case Reason.success:
      return ConnectReturnCode.accepted;
    case Reason.unsupportedProtocolVersion:
      return ConnectReturnCode.unacceptableProtocolVersion;
    case Reason.clientIdentifierNotValid:
      return ConnectReturnCode.identifierRejected;
    case Reason.badUserNameOrPassword:
    case Reason.badAuthenticationMethod:
      return ConnectReturnCode.badUserNameOrPassword;
    case Reason.notAuthorized:
    case Reason.banned:
      return ConnectReturnCode.notAuthorized;
    default:
      return ConnectReturnCode.serverUnavailable;
  }
}
