/** SCRAM-SHA-256 (RFC 7677), both sides, as an authentication method of MQTT 5 would have it. */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import {
  type AuthenticationMethod,
  type AuthenticationStep,
  type ClientPermissions,
  OPEN_ACCESS,
} from '../../src/services/iot/index.ts';

const ITERATIONS = 4096;
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, i) => byte ^ b[i]!));

function keysOf(password: string): { readonly client: Buffer; readonly stored: Buffer; readonly server: Buffer } {
  const salted = pbkdf2Sync(password, SALT, ITERATIONS, 32, 'sha256');
  const client = hmac(salted, 'Client Key');
  return { client, stored: createHash('sha256').update(client).digest(), server: hmac(salted, 'Server Key') };
}

/** The server's side for one user; a client that connects again with the same password keeps its permissions. */
export function scramMethod(user: string, password: string, serverNonce: string): AuthenticationMethod {
  const keys = keysOf(password);
  return {
    begin(_request, current) {
      const permissions: ClientPermissions = current ?? { ...permissionsOf(), principal: user };
      let said = '';
      let challenge = '';
      return {
        next(data): AuthenticationStep {
          const text = data?.toString() ?? '';
          if (said === '') {
            const match = /^n,,(n=([^,]*),r=([^,]+))$/.exec(text);
            if (match?.[2] !== user) return { kind: 'refused', reasonCode: mqtt.Reason.notAuthorized };
            said = match[1]!;
            challenge = `r=${match[3]}${serverNonce},s=${SALT.toString('base64')},i=${ITERATIONS}`;
            return { kind: 'continue', data: Buffer.from(challenge) };
          }
          const [unproved, proof] = text.split(',p=');
          const signed = `${said},${challenge},${unproved}`;
          const key = xor(Buffer.from(proof ?? '', 'base64'), hmac(keys.stored, signed));
          const isGood = key.length === 32 && timingSafeEqual(createHash('sha256').update(key).digest(), keys.stored);
          if (!isGood) return { kind: 'refused', reasonCode: mqtt.Reason.badUserNameOrPassword, reason: 'wrong proof' };
          const data2 = Buffer.from(`v=${hmac(keys.server, signed).toString('base64')}`);
          return { kind: 'accepted', permissions, data: data2 };
        },
      };
    },
  };
}

function permissionsOf(): ClientPermissions {
  const decision = OPEN_ACCESS.connect({
    clientId: '',
    username: undefined,
    password: undefined,
    version: 5,
    connectAttributes: [],
    remoteAddress: undefined,
    isEncrypted: false,
  });
  if (decision instanceof Promise || decision.kind === 'refused') throw new Error('open access refuses');
  return decision.permissions;
}

/** The client's messages: the first, and the answer to a challenge. */
export function scramFirst(user: string, nonce: string): Buffer {
  return Buffer.from(`n,,n=${user},r=${nonce}`);
}

export function scramFinal(user: string, nonce: string, password: string, challenge: string): Buffer {
  const keys = keysOf(password);
  const unproved = `c=biws,r=${/^r=([^,]+)/.exec(challenge)![1]}`;
  const signed = `n=${user},r=${nonce},${challenge},${unproved}`;
  const proof = xor(keys.client, hmac(keys.stored, signed));
  return Buffer.from(`${unproved},p=${proof.toString('base64')}`);
}
