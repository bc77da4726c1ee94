import { DEFAULT_REGION, parseArn } from '../../../base/index.ts';
import type { Values } from '../../../codec/policies/index.ts';
import type { DeviceAction } from '../policies/document.ts';
import { type EffectivePolicy, RESOURCE_KINDS } from '../policies/evaluate.ts';
import { type Explanation, explain } from '../policies/explain.ts';
import type { Policies } from '../policies/policies.ts';
import { certificateValues } from './certificate-values.ts';
import { ClientContext, type ClientFacts, thingOfClient } from './context.ts';
import { NO_VALUES } from './identity.ts';
import type { CertificateAdmission, ThingDirectory } from './ports.ts';

/** Whom a question is about: a principal that need not be connected. */
export interface Subject {
  readonly principalArn: string | undefined;
  readonly clientId?: string;
  readonly sourceIp?: string;
}

interface Things extends ThingDirectory {
  /** ARNs of the groups of a thing and of all above them. @throws IotError resource-not-found */
  groupArnsOf(thingName: string): readonly string[];
}

/** Answers what principals may do, without a connection: as far as it can be known, like one over TLS. */
export class Inquiry {
  readonly #policies: Policies;
  readonly #things: Things;
  readonly #certificates: CertificateAdmission;
  readonly #now: () => number;

  constructor(parts: {
    readonly policies: Policies;
    readonly things: Things;
    readonly certificates: CertificateAdmission;
    readonly now: () => number;
  }) {
    this.#policies = parts.policies;
    this.#things = parts.things;
    this.#certificates = parts.certificates;
    this.#now = parts.now;
  }

  /**
   * Policies that count for a principal, by itself and by the groups of its things, and for a thing by its groups.
   *
   * @throws IotError resource-not-found
   */
  policiesOf(principalArn?: string, thingName?: string): readonly EffectivePolicy[] {
    const things = principalArn === undefined ? [] : this.#things.ofPrincipal(principalArn);
    return this.#policies.effective([
      ...(principalArn === undefined ? [] : [principalArn]),
      ...things.flatMap(({ groupArns }) => groupArns),
      ...(thingName === undefined ? [] : this.#things.groupArnsOf(thingName)),
    ]);
  }

  async contextOf({ principalArn, clientId, sourceIp }: Subject): Promise<ClientContext> {
    const things = principalArn === undefined ? [] : this.#things.ofPrincipal(principalArn);
    const facts: ClientFacts = {
      region: regionOf(principalArn),
      ...{ clientId, sourceIp, serverName: undefined, isEncrypted: true, connectAttributes: [] },
      thing: thingOfClient(things, clientId),
      proof: await this.#proofOf(principalArn),
    };
    return new ClientContext(facts, this.#now);
  }

  /** @param resource  ARN of a topic, topic filter or client; of another kind it is allowed nothing */
  explain(
    policies: readonly EffectivePolicy[],
    context: ClientContext,
    action: DeviceAction,
    resource: string,
  ): Explanation {
    const beginning = context.prefixFor(resource) + RESOURCE_KINDS[action];
    const isOfKind = resource.startsWith(beginning);
    return explain(isOfKind ? policies : [], context, action, resource, resource.slice(beginning.length));
  }

  async #proofOf(principalArn: string | undefined): Promise<Values> {
    const der = principalArn === undefined ? undefined : await this.#certificates.der(principalArn);
    return der ? certificateValues(principalArn!.slice(principalArn!.lastIndexOf('/') + 1), der) : NO_VALUES;
  }
}

/** As {@link Identity} has it: users and tokens are at home in no region. */
function regionOf(principalArn: string | undefined): string | undefined {
  const arn = parseArn(principalArn ?? '');
  return arn && /^(user|token)\//.test(arn.resource) ? undefined : (arn?.region ?? DEFAULT_REGION);
}
