import { ACCOUNT_ID, formatArn, parseArn } from '../../../base/index.ts';
import { isTopicFilter, type ProtocolVersion } from '../../../codec/mqtt/index.ts';
import { isValidGroup, parseShared } from '../broker/shared-group.ts';
import { IotError } from '../errors.ts';

/** A broker of somebody else (mosquitto, EMQX, ...) that the node connects to as a client. */
export interface ForeignBroker {
  /** As ARNs and bridges call it: 1 to 64 letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Absent is plain TCP. All in PEM; the broker's name is always verified. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly protocol: ProtocolVersion;
  readonly username?: string;
  readonly password?: string;
  /** 5 to 3,600. */
  readonly keepAliveSeconds: number;
  /** How long the broker is asked to keep what comes for us while we are away (MQTT 5). */
  readonly sessionExpirySeconds: number;
}

/** What an event source mapping reads: a topic filter of a foreign broker, shared (`$share/GROUP/FILTER`) or not. */
export interface ForeignTopics {
  readonly broker: string;
  readonly filter: string;
}

const RESOURCE = /^broker\/([A-Za-z0-9._-]{1,64})(?:\/topicfilter\/(.+))?$/s;

/** `arn:aws:mqtt:us-east-1:000000000000:broker/plant`: where messages are pushed to. */
export function brokerArn(region: string, name: string): string {
  return formatArn('mqtt', region, ACCOUNT_ID, `broker/${name}`);
}

/** Reads the ARN of a broker. @throws IotError request-invalid */
export function brokerOfArn(arn: string): string {
  const match = RESOURCE.exec(parseArn(arn)?.resource ?? '');
  if (match?.[1] !== undefined && match[2] === undefined) return match[1];
  throw new IotError('request-invalid', `${arn} names no foreign broker: arn:aws:mqtt:REGION:ACCOUNT:broker/NAME`);
}

/** Reads `.../broker/NAME/topicfilter/FILTER`. @throws IotError request-invalid */
export function topicsOfArn(arn: string): ForeignTopics {
  const [, broker, filter = ''] = RESOURCE.exec(parseArn(arn)?.resource ?? '') ?? [];
  const shared = parseShared(filter);
  if (broker === undefined || !isTopicFilter(shared?.filter ?? filter) || (shared && !isValidGroup(shared.group))) {
    throw new IotError(
      'request-invalid',
      `${arn} names no topics of a foreign broker: arn:aws:mqtt:REGION:ACCOUNT:broker/NAME/topicfilter/FILTER`,
    );
  }
  return { broker, filter };
}
