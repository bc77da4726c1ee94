import type { DomainError } from '../../base/index.ts';
import { type DisconnectPacket, disconnectReasonOf, Reason } from '../../codec/mqtt/index.ts';
import type { DisconnectReason, Leaving } from '../../services/iot/index.ts';
import { CROWDED_OUT, DISCONNECT_TEXTS } from './reason-texts.ts';

/** Why a connection ends, as far as the client is told. */
export interface Ending {
  readonly reasonCode: number;
  /** The same for those who watch. */
  readonly reason: DisconnectReason;
  readonly will: Leaving['will'];
  /** For people, on the client's side. */
  readonly reasonString?: string;
  readonly serverReference?: string;
}

/** Another connection has the client id now. */
export const TAKEN_OVER: Ending = {
  reasonCode: Reason.sessionTakenOver,
  reason: 'DUPLICATE_CLIENTID',
  will: 'publish',
};

/** Nothing came for one and a half keep-alives [MQTT-3.1.2-22]. */
export const SILENT: Ending = {
  reasonCode: Reason.keepAliveTimeout,
  reason: 'MQTT_KEEP_ALIVE_TIMEOUT',
  will: 'publish',
};

/** More waits for the client than may. */
export const BEHIND: Ending = { reasonCode: Reason.quotaExceeded, reason: 'THROTTLED', will: 'publish' };

/** More waits for all clients than may, and most of it for this one. */
export const CROWDED: Ending = { ...BEHIND, reasonString: CROWDED_OUT };

/** The client takes no packet of this size, and cannot go on without it [MQTT-3.1.2-24]. */
export const TOO_LARGE: Ending = { reasonCode: Reason.packetTooLarge, reason: 'CLIENT_ERROR', will: 'publish' };

/** A bug of ours. */
export const BROKEN: Ending = { reasonCode: Reason.unspecifiedError, reason: 'SERVER_ERROR', will: 'publish' };

/** A store that will take more later (a full disk) is told apart from one that has failed: devices may come again. */
export function unstored(failure: unknown): Ending {
  const isPassing = (failure as Partial<DomainError> | undefined)?.remedy === 'retry';
  const reasonCode = isPassing ? Reason.serverBusy : Reason.implementationSpecificError;
  return { reasonCode, reason: 'SERVER_ERROR', will: 'publish' };
}

/** Another server takes over: the client is told which. */
export function redirection(serverReference: string): Ending {
  const reason = 'SERVER_INITIATED_DISCONNECT';
  return { reasonCode: Reason.useAnotherServer, reason, will: 'delete', serverReference };
}

/** The server goes. @param successor  where clients are to go instead, if anywhere */
export function shutdown(successor: string | undefined): Ending {
  const ending = { reason: 'SERVER_INITIATED_DISCONNECT', will: 'defer' } as const;
  if (successor === undefined) return { ...ending, reasonCode: Reason.serverShuttingDown };
  return { ...ending, reasonCode: Reason.useAnotherServer, serverReference: successor };
}

/** What an MQTT 5 client is told. */
export function goodBye({ reasonCode, reasonString, serverReference }: Ending): DisconnectPacket {
  const text = reasonString ?? DISCONNECT_TEXTS[reasonCode];
  const properties = {
    ...(text !== undefined && { reasonString: text }),
    ...(serverReference !== undefined && { serverReference }),
  };
  return { type: 'disconnect', reasonCode: disconnectReasonOf(reasonCode), properties };
}
