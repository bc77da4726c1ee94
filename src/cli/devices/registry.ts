import { ACCOUNT_ID } from '../../base/index.ts';
import { ApiError, type Client, readJsonAnswer } from '../client.ts';
import { CommandError } from '../command.ts';

/** Name of the policy that devices get when none is named. */
export const OWN_TOPICS = 'millrace-own-topics';

/**
 * What a device may do with it: connect under the name of its thing, and use the topics `devices/NAME/...` and those of its shadow
 * and jobs.
 */
function ownTopics(region: string): string {
  const arn = (kind: string, name: string) => `arn:aws:iot:${region}:${ACCOUNT_ID}:${kind}/${name}`;
  const thing = '${iot:Connection.Thing.ThingName}';
  const own = (kind: string) => [arn(kind, `devices/${thing}/*`), arn(kind, `$aws/things/${thing}/*`)];
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client', thing) },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:RetainPublish', 'iot:Receive'], Resource: own('topic') },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: own('topicfilter') },
    ],
  });
}

export interface SignedCertificate {
  readonly certificateArn: string;
  readonly certificateId: string;
  readonly certificatePem: string;
}

/** The node's registry of devices, as these commands use it. */
export class DeviceRegistry {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The authority that devices know the node by, PEM. */
  async authority(): Promise<string> {
    const { status, body } = await this.#client.send('iot', 'GET', '/_millrace/ca.pem');
    if (status === 200) return body.toString();
    throw new CommandError(`${this.#client.endpoint.origin} has no certificate authority: is it a Millrace node?`);
  }

  /** Port on which devices come in with TLS; `undefined` when the node has none, or does not tell. */
  async tlsPort(): Promise<number | undefined> {
    const { status, body } = await this.#client.send('iot', 'GET', '/_millrace/endpoints');
    return status === 200 ? JSON.parse(body.toString()).mqtts?.port : undefined;
  }

  /** @param request  PKCS #10, PEM */
  sign(request: string): Promise<SignedCertificate> {
    const body = { certificateSigningRequest: request };
    return this.#client.rest('iot', 'POST', '/certificates?setAsActive=true', body);
  }

  /** Makes the thing unless it is there. */
  async ensureThing(name: string): Promise<void> {
    await unlessExists(this.#client.rest('iot', 'POST', `/things/${encodeURIComponent(name)}`, {}));
  }

  /** Makes the policy of those who name none, unless it is there. */
  async ensureOwnTopics(): Promise<void> {
    const policyDocument = ownTopics(this.#client.region);
    await unlessExists(this.#client.rest('iot', 'POST', `/policies/${OWN_TOPICS}`, { policyDocument }));
  }

  /** @throws CommandError  there is no policy of this name */
  async requirePolicy(name: string): Promise<void> {
    try {
      await this.#client.rest('iot', 'GET', `/policies/${encodeURIComponent(name)}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new CommandError(`there is no policy ${name}: make it with "aws iot create-policy", or leave --policy out`);
    }
  }

  async attachPolicy(name: string, target: string): Promise<void> {
    await this.#client.rest('iot', 'PUT', `/target-policies/${encodeURIComponent(name)}`, { target });
  }

  /** Names. */
  async policiesOf(target: string): Promise<readonly string[]> {
    const path = `/attached-policies/${encodeURIComponent(target)}`;
    const { policies } = await this.#client.rest('iot', 'POST', path, {});
    return policies.map(({ policyName }: { policyName: string }) => policyName);
  }

  /** Exclusively: the thing is known where there is no client id too, as it is in a publish over HTTPS. */
  async attachThing(name: string, principal: string): Promise<void> {
    await this.#principal('PUT', name, principal, '?thingPrincipalType=EXCLUSIVE_THING');
  }

  async detachThing(name: string, principal: string): Promise<void> {
    await this.#principal('DELETE', name, principal);
  }

  /** Certificates of a thing, ARNs. @throws CommandError  there is no such thing */
  async certificatesOf(name: string): Promise<readonly string[]> {
    try {
      const path = `/things/${encodeURIComponent(name)}/principals?maxResults=100`;
      const { principals } = await this.#client.rest('iot', 'GET', path);
      return principals.filter((principal: string) => principal.includes(':cert/'));
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new CommandError(`there is no device ${name}: "millrace devices create ${name}" makes it`);
    }
  }

  async revoke(certificateArn: string): Promise<void> {
    const id = certificateArn.slice(certificateArn.lastIndexOf('/') + 1);
    await this.#client.rest('iot', 'PUT', `/certificates/${id}?newStatus=REVOKED`);
  }

  async #principal(method: 'PUT' | 'DELETE', name: string, principal: string, query = ''): Promise<void> {
    const headers = { 'x-amzn-principal': principal };
    const path = `/things/${encodeURIComponent(name)}/principals${query}`;
    readJsonAnswer(await this.#client.send('iot', method, path, { headers }));
  }
}

async function unlessExists(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'ResourceAlreadyExistsException')) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'ResourceNotFoundException';
}
