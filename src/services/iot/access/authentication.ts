import type { ClientPermissions, ConnectDecision, ConnectRequest } from './access.ts';

/**
 * An authentication method of MQTT 5 (4.12): it exchanges AUTH packets with a client before the client is connected, and again
 * whenever a connected client asks for it.
 */
export interface AuthenticationMethod {
  /**
   * Begins an exchange.
   *
   * @param current  the permissions of a client that is connected and authenticates again: the exchange renews what they answer, and
   *   gives the same object back; another one is refused, as a client cannot become somebody else
   */
  begin(request: ConnectRequest, current: ClientPermissions | undefined): AuthenticationExchange;
}

export interface AuthenticationExchange {
  /** @param data  authentication data of the CONNECT or AUTH packet that the client has sent */
  next(data: Buffer | undefined): AuthenticationStep | Promise<AuthenticationStep>;
}

export type AuthenticationStep =
  /** More is to be asked of the client. */
  | { readonly kind: 'continue'; readonly data?: Buffer }
  /** It is over; `data` goes with the success. */
  | (ConnectDecision & { readonly data?: Buffer });
