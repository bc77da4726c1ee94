import { type DisconnectPacket, disconnectReasonOf } from '../../codec/mqtt/index.ts';
import type { DisconnectReason, Leaving } from '../../services/iot/index.ts';
import { DISCONNECT_TEXTS } from './reason-texts.ts';

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

/** What an MQTT 5 client is told. */
export function goodBye({ reasonCode, reasonString, serverReference }: Ending): DisconnectPacket {
  const text = reasonString ?? DISCONNECT_TEXTS[reasonCode];
  const properties = {
    ...(text !== undefined && { reasonString: text }),
    ...(serverReference !== undefined && { serverReference }),
  };
  return { type: 'disconnect', reasonCode: disconnectReasonOf(reasonCode), properties };
}
