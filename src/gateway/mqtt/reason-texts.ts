import { Reason } from '../../codec/mqtt/index.ts';

const REASON_STRING = 31;

/** What PUBACK and PUBREC of a refused message say to people. */
const TEXTS: Readonly<Record<number, string>> = {
  [Reason.notAuthorized]: 'no policy allows to publish this to the topic, or the topic is reserved',
};

/** What DISCONNECT says to people, where nothing more exact is known. Some clients (paho 1.6) read its reason code only beside a text. */
export const DISCONNECT_TEXTS: Readonly<Record<number, string>> = {
  [Reason.unspecifiedError]: 'the server has failed at this packet',
  [Reason.implementationSpecificError]: 'the server cannot store messages',
  [Reason.notAuthorized]: 'what proved the client is no longer valid',
  [Reason.serverBusy]: 'the server cannot take more now: come again',
  [Reason.serverShuttingDown]: 'the server is shutting down',
  [Reason.keepAliveTimeout]: 'nothing came for one and a half keep-alives',
  [Reason.sessionTakenOver]: 'another connection has this client id now',
  [Reason.packetTooLarge]: 'an answer would be larger than the maximum packet size of the client',
  [Reason.quotaExceeded]: 'the client does not take its messages fast enough',
  [Reason.administrativeAction]: 'an operator has ended the connection',
  [Reason.useAnotherServer]: 'this server is being drained',
};

/** Beside `quota exceeded`, where all clients together have too much. */
export const CROWDED_OUT = 'too much waits for all clients together, and most of it for this one';

/** Longest acknowledgement with a reason string: a client that takes less gets the code alone [MQTT-3.4.2-2, MQTT-3.5.2-2]. */
export const EXPLAINED_BYTES_MAX = 128;

const bare: (Buffer | undefined)[] = [];
const explained: (Buffer | undefined)[] = [];

/** What stands behind the packet identifier of an acknowledgement: the reason code, and the reason string where it is wanted. */
export function ackTail(reasonCode: number, isExplained: boolean): Buffer {
  const tails = isExplained ? explained : bare;
  let tail = tails[reasonCode];
  if (!tail) {
    tail = encode(reasonCode, isExplained ? TEXTS[reasonCode] : undefined);
    tails[reasonCode] = tail;
  }
  return tail;
}

function encode(reasonCode: number, text: string | undefined): Buffer {
  if (text === undefined) return Buffer.of(reasonCode);
  const { length } = text;
  return Buffer.concat([Buffer.of(reasonCode, length + 3, REASON_STRING, 0, length), Buffer.from(text)]);
}
