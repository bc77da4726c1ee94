/** An order as the write table holds it. */
export interface Order {
  readonly customer: string;
  readonly order: string;
  readonly cents: number;
  readonly status: 'placed' | 'shipped' | 'cancelled';
}

/** What the read table says of a customer. */
export interface Totals {
  readonly customer: string;
  /** Orders that were not cancelled, and what they come to. */
  readonly orders: number;
  readonly cents: number;
  readonly shipped: number;
}

/** What a change of an order adds to the totals of its customer. */
export type Delta = Omit<Totals, 'customer'>;

/** @param before  absent when the order is new; @param after  absent when it is gone */
export function deltaOf(before: Order | undefined, after: Order | undefined): Delta {
  const [old, now] = [share(before), share(after)];
  return {
    orders: now.orders - old.orders,
    cents: now.cents - old.cents,
    shipped: now.shipped - old.shipped,
  };
}

export function sumOf(deltas: readonly Delta[]): Delta {
  return deltas.reduce((sum, { orders, cents, shipped }) => ({
    orders: sum.orders + orders,
    cents: sum.cents + cents,
    shipped: sum.shipped + shipped,
  }));
}

function share(order: Order | undefined): Delta {
  if (!order || order.status === 'cancelled') return { orders: 0, cents: 0, shipped: 0 };
  return { orders: 1, cents: order.cents, shipped: order.status === 'shipped' ? 1 : 0 };
}

/** The largest first; where two are alike, by name. */
export function byTotal(one: Totals, other: Totals): number {
  return other.cents - one.cents || (one.customer < other.customer ? -1 : 1);
}
