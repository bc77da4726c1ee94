import { type Clock, type Random, uuid } from '../../base/index.ts';
import type { Delivery, DeliveryService } from '../../delivery/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { CUSTOMER_RETRY, effectivePolicy, retryPolicyOf } from './delivery-policy.ts';
import { type Confirmation, confirmationJson, confirmationToSign, httpHeaders } from './envelope.ts';
import { confirmationMail, mailTarget } from './mail.ts';
import type { Ended, Subscription, Topic } from './model.ts';
import type { Signer } from './signing.ts';

export interface AskerDependencies {
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  /** Base of all links; absent, they begin as the caller reached the node. */
  readonly linkBase: string | undefined;
}

/** Asks endpoints whether they want to be subscribed, or have wanted to end. */
export class Asker {
  readonly #dependencies: AskerDependencies;

  constructor(dependencies: AskerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Durable when it resolves. @param subscription  one that waits for its token; @param endpoint  base of the link */
  async askToSubscribe(subscription: Subscription, topic: Topic, endpoint: string, trace: TraceContext): Promise<void> {
    await this.#send('SubscriptionConfirmation', subscription, subscription.token!, topic, endpoint, trace);
  }

  /** Tells the endpoint of an ended subscription how to restore it. */
  async tellEnded({ subscription, token }: Ended, topic: Topic, endpoint: string, trace: TraceContext): Promise<void> {
    await this.#send('UnsubscribeConfirmation', subscription, token, topic, endpoint, trace);
  }

  async #send(
    type: Confirmation['type'],
    subscription: Subscription,
    token: string,
    topic: Topic,
    reached: string,
    trace: TraceContext,
  ): Promise<void> {
    const { random, clock, delivery, linkBase: endpoint = reached } = this.#dependencies;
    const confirmation: Confirmation = {
      ...{ type, id: uuid(random), token, topicArn: topic.arn, subscriptionArn: subscription.arn },
      at: clock.now(),
    };
    const web = subscription.protocol === 'http' || subscription.protocol === 'https';
    const made = await (web
      ? this.#toWebhook(confirmation, subscription, topic, endpoint)
      : this.#toMail(confirmation, subscription, topic, endpoint));
    await delivery.send([{ ...made, source: topic.arn, trace }]);
  }

  async #toWebhook(
    confirmation: Confirmation,
    subscription: Subscription,
    topic: Topic,
    endpoint: string,
  ): Promise<Omit<Delivery, 'source' | 'trace'>> {
    const policy = effectivePolicy(subscription.attributes.DeliveryPolicy, topic.attributes.DeliveryPolicy);
    return {
      arn: subscription.endpoint,
      payload: Buffer.from(await this.#signed(confirmation, topic, endpoint)),
      attributes: { headers: httpHeaders(confirmation.type, confirmation.id, topic.arn, subscription.arn) },
      policy: retryPolicyOf(policy),
    };
  }

  async #toMail(
    confirmation: Confirmation,
    subscription: Subscription,
    topic: Topic,
    endpoint: string,
  ): Promise<Omit<Delivery, 'source' | 'trace'>> {
    const { subject, body } = confirmationMail(confirmation, endpoint);
    const json = subscription.protocol === 'email-json';
    const { DisplayName: fromName } = topic.attributes;
    return {
      arn: mailTarget(subscription),
      payload: Buffer.from(json ? await this.#signed(confirmation, topic, endpoint) : body),
      attributes: { subject, contentType: 'text/plain; charset=UTF-8', ...(fromName && { fromName }) },
      policy: CUSTOMER_RETRY,
    };
  }

  async #signed(confirmation: Confirmation, { attributes }: Topic, endpoint: string): Promise<string> {
    const version = attributes.SignatureVersion === '2' ? '2' : '1';
    const signature = await this.#dependencies.signer.sign(confirmationToSign(confirmation, endpoint), version);
    return confirmationJson(confirmation, signature, endpoint);
  }
}
