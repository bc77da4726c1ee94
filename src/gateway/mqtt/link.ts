import type * as mqtt from '../../codec/mqtt/index.ts';
import type { ClientPermissions, SessionLink } from '../../services/iot/index.ts';
import type { MqttGauges } from './gauges.ts';
import type { MqttLimits } from './limits.ts';
import type { Carrier } from './session.ts';

/** A connection as its durable session sees it. */
export class ConnectionLink implements SessionLink {
  readonly receiveMaximum: number;
  readonly packetBytesMax: number;
  readonly #carrier: Carrier;
  readonly #permissions: ClientPermissions;
  readonly #gauges: MqttGauges;

  constructor(options: {
    readonly carrier: Carrier;
    readonly permissions: ClientPermissions;
    readonly limits: MqttLimits;
    readonly gauges: MqttGauges;
    readonly receiveMaximum: number;
    readonly packetBytesMax: number;
  }) {
    this.#carrier = options.carrier;
    this.#permissions = options.permissions;
    this.#gauges = options.gauges;
    this.receiveMaximum = Math.min(options.limits.inFlightOutMax, options.receiveMaximum);
    this.packetBytesMax = options.packetBytesMax;
  }

  get version(): mqtt.ProtocolVersion {
    return this.#carrier.version;
  }

  get hasRoom(): boolean {
    return this.#carrier.output.hasRoom;
  }

  get receivesAll(): boolean {
    return this.#permissions.receivesAll;
  }

  mayReceive(topic: string): boolean {
    return this.#permissions.receivesAll || this.#permissions.mayReceive(topic);
  }

  write(frame: mqtt.PublishFrame, packetId: number): void {
    this.#gauges.messagesOut.add();
    this.#carrier.output.publish(frame, packetId);
    this.#carrier.schedule();
  }

  release(packetId: number): void {
    this.#carrier.release(packetId);
  }

  dropped(why: 'slow' | 'too-large'): void {
    (why === 'slow' ? this.#gauges.droppedSlow : this.#gauges.droppedTooLarge).add();
  }
}
