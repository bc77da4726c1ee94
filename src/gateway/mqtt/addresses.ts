import type { Clock } from '../../base/index.ts';
import type { MqttLimits } from './limits.ts';
import { Throttle, TokenBucket } from './rates.ts';

/**
 * What is known of one address: how many connections it has, how often it connects, how often it was refused, and whether it is
 * banned for that.
 */
export class Address {
  readonly name: string;
  /** Messages and bytes of all its clients together. */
  readonly throttle: Throttle | undefined;
  readonly #connects: TokenBucket | undefined;
  readonly #refusals: TokenBucket | undefined;
  connections = 0;
  bannedUntil = 0;

  constructor(name: string, clock: Clock, limits: MqttLimits) {
    const now = clock.monotonic();
    this.name = name;
    this.throttle = Throttle.of(clock, limits.messagesPerSecondPerAddress, limits.bytesPerSecondPerAddress);
    if (limits.connectsPerSecondPerAddress > 0) {
      this.#connects = new TokenBucket(limits.connectsPerSecondPerAddress, limits.connectsBurstPerAddress, now);
    }
    if (limits.refusalsPerMinutePerAddress > 0) {
      const perMinute = limits.refusalsPerMinutePerAddress;
      this.#refusals = new TokenBucket(perMinute / 60, perMinute, now);
    }
  }

  /** Whether it may send a CONNECT now; counts it. */
  mayConnect(now: number): boolean {
    return this.#connects?.take(now) ?? true;
  }

  /** A CONNECT was refused; false when it was one too many. */
  refused(now: number): boolean {
    return this.#refusals?.take(now) ?? true;
  }

  /** Nothing is left to remember. */
  isForgettable(now: number): boolean {
    if (this.connections > 0 || this.bannedUntil > now) return false;
    return (this.#connects?.isFull(now) ?? true) && (this.#refusals?.isFull(now) ?? true);
  }
}

/** The addresses that clients come from, remembered as long as that matters (S5). */
export class Addresses {
  readonly #clock: Clock;
  readonly #limits: MqttLimits;
  readonly #byName = new Map<string, Address>();

  constructor(clock: Clock, limits: MqttLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True while connections from there are closed at once: asked before a TLS handshake is paid for. */
  isBanned(name: string | undefined): boolean {
    const address = name === undefined ? undefined : this.#byName.get(name);
    return address !== undefined && address.bannedUntil > this.#clock.monotonic();
  }

  /** What came from there was refused before it was a connection of MQTT; true when the address is banned for it now. */
  offended(name: string | undefined): boolean {
    return name !== undefined && this.refused(this.#of(name));
  }

  /** A connection from there; `undefined` when it must be closed: it is banned, or has as many as it may. */
  enter(name: string): Address | undefined {
    const address = this.#of(name);
    if (address.bannedUntil > this.#clock.monotonic()) return undefined;
    if (address.connections >= this.#limits.connectionsPerAddressMax) return undefined;
    address.connections++;
    return address;
  }

  leave(address: Address): void {
    address.connections--;
  }

  mayConnect(address: Address): boolean {
    return address.mayConnect(this.#clock.monotonic());
  }

  /** Somebody from there was refused; true when the address is banned for it now. */
  refused(address: Address): boolean {
    const now = this.#clock.monotonic();
    if (address.refused(now)) return false;
    address.bannedUntil = now + this.#limits.banMs;
    return true;
  }

  #of(name: string): Address {
    let address = this.#byName.get(name);
    if (!address) {
      if (this.#byName.size >= this.#limits.addressesMax) this.#forget();
      address = new Address(name, this.#clock, this.#limits);
      this.#byName.set(name, address);
    }
    return address;
  }

  /** Lets go of those that have nothing to remember; where that makes no room, of the oldest without a connection. */
  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [name, address] of this.#byName) if (address.isForgettable(now)) this.#byName.delete(name);
    if (this.#byName.size < this.#limits.addressesMax) return;
    for (const [name, address] of this.#byName) {
      if (address.connections > 0) continue;
      this.#byName.delete(name);
      return;
    }
  }
}
