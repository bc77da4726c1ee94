import * as mqtt from '../../codec/mqtt/index.ts';
import type { AuthenticationStep, ClientPermissions } from '../../services/iot/index.ts';
import { type Decider, follow } from './decider.ts';
import type { Ending } from './ending.ts';
import type { Handshake } from './handshake.ts';

const { Reason } = mqtt;

/** The connection of a client that authenticates anew. */
export interface Renewing extends Decider {
  readonly isConnected: boolean;
  send(packet: mqtt.AuthPacket): void;
  end(ending: Ending): void;
}

/** AUTH of a connected client (4.12.1); what it has published before goes on as before. @throws MqttError */
export function renew(
  packet: mqtt.AuthPacket,
  handshake: Handshake | undefined,
  permissions: ClientPermissions,
  connection: Renewing,
): void {
  if (!handshake) {
    throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'AUTH, but CONNECT has named no method'); // [MQTT-4.12.0-7]
  }
  const next = (step: AuthenticationStep) => renewed(step, handshake, permissions, connection);
  follow(handshake.renew(packet, permissions), connection, next);
}

function renewed(
  step: AuthenticationStep,
  handshake: Handshake,
  current: ClientPermissions,
  connection: Renewing,
): void {
  if (!connection.isConnected) return;
  if (step.kind === 'continue') {
    return connection.send(handshake.answer(Reason.continueAuthentication, step.data));
  }
  handshake.settle();
  if (step.kind === 'accepted' && step.permissions === current) {
    return connection.send(handshake.answer(Reason.success, step.data));
  }
  const reasonCode = step.kind === 'refused' ? step.reasonCode : Reason.notAuthorized;
  connection.end({ reasonCode, reason: 'AUTH_ERROR', will: 'publish' }); // [MQTT-4.12.1-2]
}
