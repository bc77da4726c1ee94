import type { Clock } from '../base/index.ts';
import { type MqttGateway, type SignatureCheck, signatureCheck } from '../gateway/mqtt/index.ts';
import type { Credentials } from '../services/index.ts';
import { Authenticator, isLoopbackPeer, refuseUpgrade, type UpgradeRoute } from '../wire/index.ts';
import type { NodeConfig } from './config.ts';

/**
 * MQTT over WebSockets on the node's own port, `/mqtt`. In the clear, so for this machine only, unless the configuration says that
 * devices may come in the clear from anywhere.
 *
 * @param gateway  `undefined` as long as devices do not come in yet
 */
export function webSocketRoute(
  gateway: () => Pick<MqttGateway, 'upgrade'> | undefined,
  options: Pick<NodeConfig, 'mode' | 'plainMqtt'> & { readonly credentials: Credentials; readonly clock: Clock },
): UpgradeRoute {
  const { mode, plainMqtt = 'loopback', credentials, clock } = options;
  const secured = mode === 'secured';
  const check = signatures({ credentials, clock }, secured);
  return {
    path: '/mqtt',
    handle: (request, socket, head) => {
      const { remoteAddress } = request.socket;
      if (plainMqtt === 'loopback' && !isLoopbackPeer(remoteAddress)) return refuseUpgrade(socket, 403, IN_THE_CLEAR);
      const open = gateway();
      if (!open) return refuseUpgrade(socket, 503, 'The node is starting.');
      open.upgrade(request, socket, head, { remoteAddress, isEncrypted: false }, check);
    },
  };
}

/** Finds who has signed a WebSocket's request; where nothing must be proved, any credentials do. */
export function signatures(
  { credentials, clock }: { readonly credentials: Credentials; readonly clock: Clock },
  secured: boolean,
): SignatureCheck {
  return signatureCheck(new Authenticator({ credentials, secured, now: () => clock.now() }));
}

const IN_THE_CLEAR = 'WebSockets of MQTT in the clear are for clients on the machine of the node only: use wss.';
