import { ACCOUNT_ID, DEFAULT_REGION, formatArn } from '../../../base/index.ts';
import type { Values } from '../../../codec/policies/index.ts';
import type { PolicyContext } from '../policies/evaluate.ts';
import type { Arrival, ConnectAttribute } from './access.ts';
import type { AttachedThing } from './ports.ts';

/** What is known of a client, besides who it is. */
export interface ClientFacts {
  /** Absent for a user or a token: AWS has none, and neither have they a region. */
  readonly region: string | undefined;
  /** Absent for those who publish by HTTPS. */
  readonly clientId: string | undefined;
  readonly sourceIp: string | undefined;
  readonly serverName: string | undefined;
  readonly isEncrypted: boolean;
  readonly connectAttributes: readonly ConnectAttribute[];
  /** The thing of the connection; absent where the principal is attached to none of this name. */
  readonly thing: AttachedThing | undefined;
  /** Variables of the client's proof: `iot:Certificate.Subject.CommonName`, `jwt:sub`. */
  readonly proof: Values;
}

/** The variables and condition keys of a client. @see AWS IoT developer guide, "AWS IoT Core policy variables" */
export class ClientContext implements PolicyContext {
  readonly arnPrefix: string;
  readonly #facts: ClientFacts;
  readonly #now: () => number;

  constructor(facts: ClientFacts, now: () => number) {
    this.arnPrefix = formatArn('iot', facts.region ?? DEFAULT_REGION, ACCOUNT_ID, '');
    this.#facts = facts;
    this.#now = now;
  }

  prefixFor(resource: string): string {
    const region = this.#facts.region === undefined ? /^arn:aws:iot:([a-z0-9-]+):/.exec(resource)?.[1] : undefined;
    return region === undefined ? this.arnPrefix : formatArn('iot', region, ACCOUNT_ID, '');
  }

  readonly values = (key: string): readonly string[] | undefined => {
    const { clientId, sourceIp, serverName, isEncrypted, connectAttributes, thing, proof } = this.#facts;
    const name = key.toLowerCase();
    switch (name) {
      case 'iot:clientid':
        return one(clientId);
      case 'aws:sourceip':
        return one(sourceIp);
      case 'iot:domainname':
        return one(serverName);
      case 'aws:securetransport':
        return [String(isEncrypted)];
      case 'aws:currenttime':
        return [new Date(this.#now()).toISOString()];
      case 'aws:epochtime':
        return [String(Math.floor(this.#now() / 1000))];
      case 'iot:connectattributes':
        return connectAttributes;
      case 'iot:connection.thing.isattached':
        return [String(thing !== undefined)];
      case 'iot:connection.thing.thingname':
        return one(thing?.name);
      case 'iot:connection.thing.thingtypename':
        return one(thing?.typeName);
    }
    const attribute = /^iot:connection\.thing\.attributes\[(.+)\]$/is.exec(key)?.[1];
    if (attribute === undefined) return proof(key);
    const attributes = thing?.attributes ?? {};
    return Object.hasOwn(attributes, attribute) ? [attributes[attribute]!] : undefined;
  };
}

function one(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** What an arrival tells of its client. An IPv4 address that a dual-stack socket has wrapped is unwrapped: policies name it bare. */
export function factsOf(arrival: Arrival): Pick<ClientFacts, 'sourceIp' | 'serverName' | 'isEncrypted'> {
  const host = arrival.upgrade?.headers.host;
  return {
    sourceIp: arrival.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, ''),
    serverName: arrival.serverName ?? (typeof host === 'string' ? host.replace(/:\d+$/, '') : undefined),
    isEncrypted: arrival.isEncrypted,
  };
}

/** Of the things of a principal, the one that a client is: its only one, or the one whose name the client bears. */
export function thingOfClient(
  things: readonly AttachedThing[],
  clientId: string | undefined,
): AttachedThing | undefined {
  return things.find(({ name, isExclusive }) => isExclusive || name === clientId);
}
