import type { Values } from '../../../codec/policies/index.ts';
import type { EffectivePolicy } from '../policies/evaluate.ts';
import type { DisconnectReason } from './clients.ts';

/** Who a client has proved to be. */
export interface Identity {
  /** What `principal()` of rules gives. */
  readonly principal: string;
  /** ARNs whose policies count; the first is the principal's own. */
  readonly arns: readonly [string, ...string[]];
  /** The certificate that it has come with, where others than its policies count: what becomes of it matters all the same. */
  readonly certificateArn?: string;
  /** Region of its resources; absent for one that is at home in none: a resource's region is then the one that a policy names. */
  readonly region: string | undefined;
  /** Variables of its proof. */
  readonly values: Values;
  /** Policies that came with the proof, besides those that are attached. May change. */
  readonly policies: readonly EffectivePolicy[];
  /** Its ARN says all: what it may do can be asked without the client. */
  readonly isLasting?: true;
  /** Why it may not be connected any more; asked again when something about it has changed. */
  lapsed(): string | undefined;
  /** When it lapses if nothing changes, epoch milliseconds. */
  readonly endsAt?: number | undefined;
  /** Ends by itself: calls back when it lapses or its policies have changed, until the result is called. */
  readonly watch?: (told: IdentityListener) => () => void;
}

export interface IdentityListener {
  changed(): void;
  ended(reason: string, as: DisconnectReason): void;
}

/** What comes of looking at the proof that a client brings. */
export type Identification =
  | { readonly kind: 'identified'; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly reasonCode: number; readonly reason: string };

export const NO_VALUES: Values = () => undefined;
