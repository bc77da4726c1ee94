import type { DeadLetters } from '../../gateway/console/index.ts';
import { OUTBOX } from './outbox-place.ts';
import type { Place } from './place.ts';

/** All dead letters of a node: those in queues, and those that the outbox keeps. */
export class NodeDeadLetters implements DeadLetters {
  readonly #queues: Place;
  readonly #outbox: Place;

  constructor(queues: Place, outbox: Place) {
    this.#queues = queues;
    this.#outbox = outbox;
  }

  places() {
    return [...this.#outbox.places(), ...this.#queues.places()];
  }

  browse(place: string, options: { readonly after?: string; readonly limit: number }) {
    return this.#at(place).browse(place, options);
  }

  read(place: string, key: string) {
    return this.#at(place).read(place, key);
  }

  redrive(place: string, key: string, change: { readonly body?: string; readonly to?: string }) {
    return this.#at(place).redrive(place, key, change);
  }

  discard(place: string, key: string) {
    return this.#at(place).discard(place, key);
  }

  #at(place: string): Place {
    return place === OUTBOX ? this.#outbox : this.#queues;
  }
}
