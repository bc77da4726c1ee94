import { type Clock, DEFAULT_REGION, messageOf, Turns } from '../../../base/index.ts';
import { decodeCbor, encodeCbor } from '../../../codec/aws/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Broker } from '../broker/broker.ts';
import type { Publisher } from '../broker/message.ts';
import type { Certificate } from '../certificates/certificate.ts';
import type { Certificates, Registration } from '../certificates/certificates.ts';
import { makeKeyPair, SUBJECT } from '../certificates/key-pair.ts';
import type { Registrar } from '../certificates/registrar.ts';
import { IOT_ANSWERS, IotError } from '../errors.ts';
import type { CheckProvisioning, FunctionOutcome, InvokeFunction } from '../ports.ts';
import { isObject } from './expressions.ts';
import { PROVISIONING_LIMITS } from './limits.ts';
import type { OwnershipTokens } from './ownership.ts';
import type { Provisioner } from './provisioner.ts';
import { type ProvisioningTemplate, type ProvisioningTemplates, templateArn } from './templates.ts';

export interface FleetParts {
  readonly broker: Pick<Broker, 'reserve' | 'answer'>;
  readonly certificates: Certificates;
  readonly registrar: Registrar;
  readonly provisioner: Provisioner;
  readonly templates: ProvisioningTemplates;
  readonly tokens: OwnershipTokens;
  readonly invoke: InvokeFunction;
  readonly check: CheckProvisioning;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a device is told when its request is rejected. */
class Rejection extends Error {
  readonly statusCode: number;
  readonly errorCode: string;

  constructor(statusCode: number, errorCode: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.statusCode = statusCode;
    this.errorCode = errorCode;
  }
}

type Members = Readonly<Record<string, unknown>>;
type Work = (input: Members, publisher: Publisher) => Promise<object>;

const FORMATS = {
  json: {
    decode: (payload: Buffer): unknown => (payload.length === 0 ? {} : JSON.parse(payload.toString())),
    encode: (value: object): Buffer => Buffer.from(JSON.stringify(value)),
  },
  cbor: {
    decode: (payload: Buffer): unknown => (payload.length === 0 ? {} : decodeCbor(payload)),
    encode: (value: object): Buffer => encodeCbor(value),
  },
} as const;

/**
 * The provisioning API over MQTT, for devices that come with a certificate that many share (a claim): they ask for one of their own
 * and have themselves registered with it. Answers go to the client that has asked and to nobody else, since they hold keys.
 *
 * @see AWS IoT developer guide, "Device provisioning MQTT API"
 */
export class FleetProvisioning {
  readonly #parts: FleetParts;
  readonly #turns = new Turns();
  #running = 0;

  private constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** Takes the topics over. */
  static open(parts: FleetParts): FleetProvisioning {
    const fleet = new FleetProvisioning(parts);
    for (const prefix of ['$aws/certificates/', '$aws/provisioning-templates/']) {
      parts.broker.reserve(prefix, (packet, publisher) => {
        fleet.#take(packet, publisher);
        return undefined;
      });
    }
    return fleet;
  }

  /** Anything but a request is passed over: nobody is told what a client publishes there. */
  #take({ topic, payload }: mqtt.PublishPacket, publisher: Publisher): void {
    const work = this.#workOf(topic);
    const name = topic.slice(topic.lastIndexOf('/') + 1);
    if (!work || (name !== 'json' && name !== 'cbor')) return;
    const format = FORMATS[name];
    const answer = (how: 'accepted' | 'rejected', value: object) => {
      const packet: mqtt.PublishPacket = {
        ...{ type: 'publish', qos: 1, retain: false, dup: false, packetId: 1, properties: mqtt.NO_PROPERTIES },
        topic: `${topic}/${how}`,
        payload: format.encode(value),
      };
      this.#parts.broker.answer(packet, publisher);
    };
    this.#run(work, () => inputOf(format.decode, payload), publisher).then(
      (accepted) => answer('accepted', accepted),
      (error: unknown) => answer('rejected', this.#rejected(error, topic)),
    );
  }

  #workOf(topic: string): Work | undefined {
    const levels = topic.split('/');
    if (levels.length === 4 && levels[1] === 'certificates') {
      if (levels[2] === 'create') return (_input, publisher) => this.#createKeys(publisher);
      if (levels[2] === 'create-from-csr') return (input, publisher) => this.#createFromRequest(input, publisher);
    }
    if (levels.length === 5 && levels[1] === 'provisioning-templates' && levels[3] === 'provision') {
      return (input, publisher) => this.#provision(levels[2]!, input, publisher);
    }
    return undefined;
  }

  async #run(work: Work, input: () => Members, publisher: Publisher): Promise<object> {
    if (this.#running >= PROVISIONING_LIMITS.requestsMax) {
      throw new Rejection(429, 'TooManyRequests', 'Too many devices are being provisioned: try again after a while.');
    }
    this.#running++;
    try {
      return await work(input(), publisher);
    } finally {
      this.#running--;
    }
  }

  async #createKeys(publisher: Publisher): Promise<object> {
    const { publicKey, privateKey } = await makeKeyPair();
    const made = await this.#parts.certificates.issue(SUBJECT, publicKey, this.#pending(publisher));
    return { ...(await this.#owned(made)), privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }) };
  }

  async #createFromRequest({ certificateSigningRequest: request }: Members, publisher: Publisher): Promise<object> {
    if (typeof request !== 'string') throw invalidPayload('certificateSigningRequest must be text');
    return this.#owned(await this.#parts.registrar.sign(request, this.#pending(publisher)));
  }

  /** In the region of the claim: policies name it. */
  #pending({ principal }: Publisher): Registration {
    const claim = principal === undefined ? undefined : this.#parts.certificates.find(principal);
    return { region: claim?.region ?? DEFAULT_REGION, status: 'PENDING_ACTIVATION', origin: 'claimed' };
  }

  async #owned({ id }: Certificate): Promise<object> {
    const { certificates, tokens } = this.#parts;
    return {
      certificateId: id,
      certificatePem: await certificates.pem(id),
      certificateOwnershipToken: tokens.issue(id),
    };
  }

  async #provision(name: string, input: Members, publisher: Publisher): Promise<object> {
    const template = this.#template(name);
    const { id } = this.#certificateOf(input.certificateOwnershipToken);
    // A token that comes twice at once serves once.
    return this.#turns.run(id, () => this.#provisionBy(template, input, publisher));
  }

  async #provisionBy(template: ProvisioningTemplate, input: Members, publisher: Publisher): Promise<object> {
    const certificate = this.#certificateOf(input.certificateOwnershipToken);
    const given = parametersOf(input.parameters);
    const overrides = template.hook ? await this.#askHook(template, certificate, given, publisher) : {};
    const parameters = { ...given, ...overrides, 'AWS::IoT::Certificate::Id': certificate.id };
    const { provisioner, templates } = this.#parts;
    const { thingName, deviceConfiguration } = await provisioner.provision(
      templates.usable(template.name),
      parameters,
      template.region,
      (step) => this.#parts.check(template.roleArn, templateArn(template), step),
    );
    return { deviceConfiguration, ...(thingName !== undefined && { thingName }) };
  }

  #template(name: string): ProvisioningTemplate {
    const template = this.#parts.templates.get(name);
    if (template.type !== 'FLEET_PROVISIONING') {
      throw new Rejection(400, 'InvalidTemplate', `The template ${name} is not of the type FLEET_PROVISIONING.`);
    }
    if (!template.isEnabled) throw new Rejection(403, 'TemplateDisabled', `The template ${name} is not enabled.`);
    return template;
  }

  /** Good for a certificate that nobody has provisioned yet: a token serves once. */
  #certificateOf(token: unknown): Certificate {
    const id = typeof token === 'string' ? this.#parts.tokens.certificateOf(token) : undefined;
    const certificate = id === undefined ? undefined : this.#parts.certificates.find(id);
    if (certificate?.status === 'PENDING_ACTIVATION') return certificate;
    throw new Rejection(
      400,
      'InvalidCertificateOwnershipToken',
      'The certificateOwnershipToken is not valid, has expired, or was used: ask for a new certificate.',
    );
  }

  /** @returns parameters that the hook sets */
  async #askHook(
    template: ProvisioningTemplate,
    certificate: Certificate,
    parameters: Readonly<Record<string, string>>,
    publisher: Publisher,
  ): Promise<Readonly<Record<string, string>>> {
    const outcome = await this.#callHook(template.hook!.targetArn, templateArn(template), {
      claimCertificateId: publisher.principal,
      certificateId: certificate.id,
      certificatePem: await this.#parts.certificates.pem(certificate.id),
      templateArn: templateArn(template),
      clientId: publisher.clientId,
      parameters,
    });
    const verdict = outcome.kind === 'failed' ? outcome : verdictOf(outcome.value);
    if (verdict.kind === 'allowed') return verdict.overrides;
    if (verdict.kind === 'refused') {
      throw new Rejection(403, 'AccessDenied', 'The pre-provisioning hook does not allow this device.');
    }
    this.#parts.logger.warn('pre-provisioning hook failed', { template: template.name, reason: verdict.reason });
    throw new Rejection(500, 'PreProvisioningHookFailed', 'The pre-provisioning hook has failed.');
  }

  async #callHook(functionArn: string, sourceArn: string, event: object): Promise<FunctionOutcome> {
    const abort = new AbortController();
    const timer = this.#parts.clock.timer(PROVISIONING_LIMITS.hookMsMax, () => abort.abort());
    try {
      return await this.#parts.invoke(functionArn, event, sourceArn, abort.signal);
    } catch (error) {
      return { kind: 'failed', reason: abort.signal.aborted ? 'the function takes too long' : messageOf(error) };
    } finally {
      timer.cancel();
    }
  }

  #rejected(error: unknown, topic: string): object {
    const { statusCode, errorCode, message } = error instanceof Rejection ? error : this.#translated(error, topic);
    return { statusCode, errorCode, errorMessage: message };
  }

  #translated(error: unknown, topic: string): Rejection {
    if (error instanceof IotError) {
      const { type, status } = IOT_ANSWERS[error.code];
      return new Rejection(status, type.replace(/Exception$/, ''), error.message, error);
    }
    this.#parts.logger.error('a provisioning request failed', { topic, error });
    return new Rejection(500, 'InternalFailure', 'The node has failed at this; see its log.', error);
  }
}

function inputOf(decode: (payload: Buffer) => unknown, payload: Buffer): Members {
  let input: unknown;
  try {
    input = decode(payload);
  } catch (cause) {
    throw invalidPayload(messageOf(cause), cause);
  }
  if (!isObject(input)) throw invalidPayload('it must be an object');
  return input;
}

/** What a hook says of a device. */
type Verdict =
  | { readonly kind: 'allowed'; readonly overrides: Readonly<Record<string, string>> }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly reason: string };

function verdictOf(value: unknown): Verdict {
  const { allowProvisioning, parameterOverrides } = isObject(value) ? value : {};
  if (allowProvisioning !== true) return { kind: 'refused' };
  try {
    return { kind: 'allowed', overrides: parametersOf(parameterOverrides) };
  } catch (error) {
    return { kind: 'failed', reason: `its parameterOverrides: ${messageOf(error)}` };
  }
}

function parametersOf(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalidPayload('parameters must be an object');
  const pairs = Object.entries(value).map(([name, text]): [string, string] => {
    if (typeof text === 'string') return [name, text];
    throw invalidPayload(`the parameter ${name} must be text`);
  });
  return Object.fromEntries(pairs);
}

function invalidPayload(what: string, cause?: unknown): Rejection {
  return new Rejection(400, 'InvalidPayload', `The payload cannot be read: ${what}.`, cause);
}
