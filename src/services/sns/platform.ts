import { ACCOUNT_ID, formatArn, parseArn, type Random, Turns, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { invalid, SnsError } from './errors.ts';
import { type PlatformApplication, type PlatformEndpoint, SNS_LIMITS } from './model.ts';
import type { PushTarget } from './phones.ts';

type Settings = Readonly<Record<string, string>>;

/** Push services by the names AWS has for them. */
const PLATFORMS = ['ADM', 'APNS', 'APNS_SANDBOX', 'BAIDU', 'FCM', 'GCM', 'MACOS', 'MACOS_SANDBOX', 'MPNS', 'WNS'];

const APPLICATION_ATTRIBUTES = new Set([
  ...['PlatformCredential', 'PlatformPrincipal', 'EventEndpointCreated', 'EventEndpointDeleted'],
  ...['EventEndpointUpdated', 'EventDeliveryFailure', 'SuccessFeedbackRoleArn', 'FailureFeedbackRoleArn'],
  ...['SuccessFeedbackSampleRate', 'ApplePlatformTeamID', 'ApplePlatformBundleID', 'Enabled'],
]);

/** What nobody gets to read again. */
const SECRETS = new Set(['PlatformCredential', 'PlatformPrincipal']);

/** Push services and the devices that are known to them. */
export class Platforms {
  readonly #applications: Registry<PlatformApplication>;
  readonly #endpoints: Registry<PlatformEndpoint>;
  readonly #random: Random;
  readonly #turns = new Turns();
  /** Endpoint by application and token. */
  readonly #byToken = new Map<string, string>();

  private constructor(
    applications: Registry<PlatformApplication>,
    endpoints: Registry<PlatformEndpoint>,
    random: Random,
  ) {
    this.#applications = applications;
    this.#endpoints = endpoints;
    this.#random = random;
    for (const one of endpoints.list()) this.#byToken.set(tokenKey(one.applicationArn, one.attributes.Token!), one.arn);
  }

  static async open(records: Records, random: Random): Promise<Platforms> {
    const applications = await Registry.open<PlatformApplication>(records, 'sns/applications');
    return new Platforms(applications, await Registry.open<PlatformEndpoint>(records, 'sns/endpoints'), random);
  }

  /** Where push goes for an endpoint; `undefined` when it, or its application, is gone or switched off. */
  target(endpointArn: string): PushTarget | undefined {
    const endpoint = this.#endpoints.get(endpointArn);
    const application = endpoint && this.#applications.get(endpoint.applicationArn);
    if (!application || endpoint.attributes.Enabled !== 'true' || application.attributes.Enabled === 'false') {
      return undefined;
    }
    return {
      ...{ endpointArn, applicationArn: application.arn, platform: application.platform },
      ...{ token: endpoint.attributes.Token!, userData: endpoint.attributes.CustomUserData },
    };
  }

  /** The same, for a message to that device alone. @throws parameter-invalid, endpoint-disabled, application-disabled */
  targetOrThrow(endpointArn: string): PushTarget {
    const endpoint = this.#endpoints.get(endpointArn);
    if (!endpoint) throw invalid('TargetArn Reason: No endpoint found for the target arn specified');
    if (this.#applications.get(endpoint.applicationArn)?.attributes.Enabled === 'false') {
      throw new SnsError('application-disabled', 'Platform application is disabled');
    }
    const target = this.target(endpointArn);
    if (!target) throw new SnsError('endpoint-disabled', 'Endpoint is disabled');
    return target;
  }

  /** Makes an application; the same name again takes over the new attributes. @throws parameter-invalid */
  async createApplication(region: string, name: string, platform: string, attributes: Settings): Promise<string> {
    if (!/^[A-Za-z0-9_.-]{1,256}$/.test(name))
      throw invalid('Name Reason: must be 1 to 256 characters of A-Z a-z 0-9 _ - .');
    if (!PLATFORMS.includes(platform)) throw invalid(`Platform Reason: ${platform} is not supported`);
    checkApplicationAttributes(attributes);
    if (attributes.PlatformCredential === undefined) {
      throw invalid('Attributes Reason: PlatformCredential is required');
    }
    const arn = formatArn('sns', region, ACCOUNT_ID, `app/${platform}/${name}`);
    await this.#turns.run(arn, async () => {
      if (!this.#applications.has(arn) && this.#applications.size >= SNS_LIMITS.platformApplicationsMax) {
        throw invalid(`Name Reason: there are ${SNS_LIMITS.platformApplicationsMax} platform applications already`);
      }
      await this.#applications.put(arn, { arn, platform, name, attributes: { Enabled: 'true', ...attributes } });
    });
    return arn;
  }

  /** Attributes that may be shown. @throws not-found */
  applicationAttributes(arn: string): Settings {
    const { attributes } = this.#application(arn);
    return Object.fromEntries(Object.entries(attributes).filter(([name]) => !SECRETS.has(name)));
  }

  async setApplicationAttributes(arn: string, changes: Settings): Promise<void> {
    checkApplicationAttributes(changes);
    this.#application(arn);
    await this.#turns.run(arn, async () => {
      const application = this.#application(arn);
      await this.#applications.put(arn, { ...application, attributes: { ...application.attributes, ...changes } });
    });
  }

  applications(region: string): readonly PlatformApplication[] {
    return this.#applications.list(`arn:aws:sns:${region}:`);
  }

  /** Removes an application with its endpoints; one that is not there is no error. */
  async deleteApplication(arn: string): Promise<void> {
    checkArn(arn, 'app/', 'PlatformApplicationArn');
    await this.#turns.run(arn, async () => {
      if (!this.#applications.has(arn)) return;
      for (const endpoint of this.endpoints(arn)) await this.#removeEndpoint(endpoint);
      await this.#applications.delete(arn);
    });
  }

  /** Makes an endpoint; the same token again is the same endpoint. @throws parameter-invalid, not-found */
  async createEndpoint(applicationArn: string, token: string, userData: string | undefined, given: Settings) {
    const { platform, name } = this.#application(applicationArn);
    const attributes = {
      Enabled: 'true',
      ...given,
      Token: token,
      ...(userData !== undefined && { CustomUserData: userData }),
    };
    checkEndpointAttributes(attributes);
    return this.#turns.run(applicationArn, async () => {
      const existing = this.#endpoints.get(this.#byToken.get(tokenKey(applicationArn, token)) ?? '');
      if (existing) return sameEndpoint(existing, attributes);
      if (this.#endpoints.size >= SNS_LIMITS.platformEndpointsMax) throw invalid('Token Reason: too many endpoints');
      const region = parseArn(applicationArn)!.region;
      const arn = formatArn('sns', region, ACCOUNT_ID, `endpoint/${platform}/${name}/${uuid(this.#random)}`);
      await this.#putEndpoint({ arn, applicationArn, attributes });
      return arn;
    });
  }

  /** @throws not-found */
  endpoint(arn: string): PlatformEndpoint {
    const found = this.#endpoints.get(arn);
    if (found) return found;
    checkArn(arn, 'endpoint/', 'EndpointArn');
    throw new SnsError('not-found', 'Endpoint does not exist');
  }

  async setEndpointAttributes(arn: string, changes: Settings): Promise<void> {
    const { applicationArn } = this.endpoint(arn);
    await this.#turns.run(applicationArn, async () => {
      const endpoint = this.endpoint(arn);
      const attributes = { ...endpoint.attributes, ...changes };
      checkEndpointAttributes(attributes);
      const other = this.#byToken.get(tokenKey(applicationArn, attributes.Token!));
      if (other !== undefined && other !== arn)
        throw invalid(`Token Reason: Endpoint ${other} already exists with the same Token`);
      this.#byToken.delete(tokenKey(applicationArn, endpoint.attributes.Token!));
      await this.#putEndpoint({ ...endpoint, attributes });
    });
  }

  /** Endpoints of an application. @throws not-found */
  endpoints(applicationArn: string): readonly PlatformEndpoint[] {
    const { platform, name } = this.#application(applicationArn);
    const { region } = parseArn(applicationArn)!;
    return this.#endpoints.list(`${formatArn('sns', region, ACCOUNT_ID, `endpoint/${platform}/${name}`)}/`);
  }

  /** One that is not there is no error. */
  async deleteEndpoint(arn: string): Promise<void> {
    checkArn(arn, 'endpoint/', 'EndpointArn');
    const endpoint = this.#endpoints.get(arn);
    if (endpoint) await this.#turns.run(endpoint.applicationArn, () => this.#removeEndpoint(endpoint));
  }

  #application(arn: string): PlatformApplication {
    const found = this.#applications.get(arn);
    if (found) return found;
    checkArn(arn, 'app/', 'PlatformApplicationArn');
    throw new SnsError('not-found', 'PlatformApplication does not exist');
  }

  async #putEndpoint(endpoint: PlatformEndpoint): Promise<void> {
    await this.#endpoints.put(endpoint.arn, endpoint);
    this.#byToken.set(tokenKey(endpoint.applicationArn, endpoint.attributes.Token!), endpoint.arn);
  }

  async #removeEndpoint(endpoint: PlatformEndpoint): Promise<void> {
    await this.#endpoints.delete(endpoint.arn);
    this.#byToken.delete(tokenKey(endpoint.applicationArn, endpoint.attributes.Token!));
  }
}

function checkArn(arn: string, prefix: string, parameter: string): void {
  const parsed = parseArn(arn);
  if (parsed?.service !== 'sns' || !parsed.resource.startsWith(prefix))
    throw invalid(`${parameter} Reason: An ARN of another kind`);
}

function checkApplicationAttributes(attributes: Settings): void {
  const unknown = Object.keys(attributes).find((name) => !APPLICATION_ATTRIBUTES.has(name));
  if (unknown !== undefined) throw invalid(`Attributes Reason: Invalid attribute name: ${unknown}`);
}

function checkEndpointAttributes(attributes: Settings): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'Enabled') {
      if (!['true', 'false'].includes(value))
        throw invalid('Attributes Reason: Invalid value for attribute: Enabled: must be true or false');
    } else if (name === 'Token') {
      if (value === '' || Buffer.byteLength(value) > 4096) throw invalid('Token Reason: must be 1 to 4096 bytes');
    } else if (name === 'CustomUserData') {
      if (Buffer.byteLength(value) > 2048)
        throw invalid('Attributes Reason: CustomUserData must be at most 2048 bytes');
    } else throw invalid(`Attributes Reason: Invalid attribute name: ${name}`);
  }
}

/** AWS's own text: SDKs' guides tell to read the ARN out of it. */
function sameEndpoint({ arn, attributes }: PlatformEndpoint, wanted: Settings): string {
  const same = Object.keys({ ...attributes, ...wanted }).every((name) => attributes[name] === wanted[name]);
  if (same) return arn;
  throw invalid(`Token Reason: Endpoint ${arn} already exists with the same Token, but different attributes.`);
}

function tokenKey(applicationArn: string, token: string): string {
  return `${applicationArn} ${token}`;
}
