import { DomainError } from '../../base/index.ts';
import { Reason } from './reasons.ts';

/** - `malformed-packet`: the bytes are no packet; - `protocol-error`: a packet that must not be sent so;
 *  - `packet-too-large`: longer than the limit; - `unsupported-protocol-version`: a CONNECT of another MQTT;
 *  - `topic-invalid`: a topic name or alias that may not be used. */
export type MqttErrorCode =
  | 'malformed-packet'
  | 'protocol-error'
  | 'packet-too-large'
  | 'unsupported-protocol-version'
  | 'topic-invalid';

/** What is wrong with received bytes; after it the stream cannot be read any further and the connection must be closed. */
export class MqttError extends DomainError<MqttErrorCode> {
  /** For the DISCONNECT or CONNACK that answers it (MQTT 5, 4.13). */
  readonly reasonCode: number;

  constructor(code: MqttErrorCode, reasonCode: number, message: string) {
    super(code, message);
    this.reasonCode = reasonCode;
  }
}

export const malformed = (message: string) => new MqttError('malformed-packet', Reason.malformedPacket, message);
export const protocolError = (message: string) => new MqttError('protocol-error', Reason.protocolError, message);
