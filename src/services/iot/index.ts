/** services/iot: the device cloud: message broker, topic rules and the IoT data plane. */
import type { Clock, Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { type BridgeRoute, type ForeignBroker, type ForeignBrokers, openForeignBrokers } from './bridge/index.ts';
import { type Broker, RoutingBroker } from './broker/broker.ts';
import { GroupCommit } from './broker/commit-group.ts';
import { RetainedMessages } from './broker/retained.ts';
import { Subscriptions } from './broker/subscriptions.ts';
import { IOT_ANSWERS, IOT_DATA_ANSWERS } from './errors.ts';
import { dataOperations } from './operations/data.ts';
import { endpointOperations } from './operations/endpoint.ts';
import { topicRuleOperations } from './operations/topic-rules.ts';
import type { KinesisPort } from './ports.ts';
import { RuleEngine } from './rules/engine.ts';
import type { TopicRule } from './rules/rule.ts';
import { TopicRules } from './rules/rules.ts';
import { iotTarget } from './target.ts';

export {
  type Arrival,
  type ClientPermissions,
  type ConnectDecision,
  type ConnectRequest,
  type DeviceAccess,
  OPEN_ACCESS,
  type PeerCertificate,
  type PermissionsListener,
  type UpgradeRequest,
} from './access/access.ts';
export type { AuthenticationExchange, AuthenticationMethod, AuthenticationStep } from './access/authentication.ts';
export type { ClientDirectory, ClientWatcher, ConnectedClient, DisconnectReason } from './access/clients.ts';
export { BRIDGE_LIMITS, type BridgeRoute, type ForeignBroker, type ForeignBrokers } from './bridge/index.ts';
export type { Broker } from './broker/broker.ts';
export type { CommitGroup, CommitListener } from './broker/commit-group.ts';
export type { Publisher, RoutedMessage } from './broker/message.ts';
export type { ReservedTopicHandler } from './broker/reserved.ts';
export type { RetainedMessage } from './broker/retained.ts';
export { isValidGroup, parseShared } from './broker/shared-group.ts';
export type { Receiver, Subscriber, Subscription } from './broker/subscriptions.ts';
export { IotError, type IotErrorCode } from './errors.ts';
export { IOT_LIMITS } from './limits.ts';
export type { KinesisPort, StreamPort } from './ports.ts';
export type { RuleAction, TopicRule } from './rules/rule.ts';
export { ruleArn } from './rules/rules.ts';

export interface Iot extends AsyncDisposable {
  /** `iot` (control plane) and `iotdata` (data plane). */
  readonly services: readonly Service[];
  /** What gateways talk to. */
  readonly broker: Broker;
  /** All rules, for those who show them. */
  rules(): readonly TopicRule[];
  /** Takes deliveries for `iot` ARNs: `topic/NAME` publishes, `rule/NAME` hands dead letters to the rule's error action. */
  readonly target: Target;
  /** Brokers of somebody else, to be started when everything else runs. */
  readonly foreign: ForeignBrokers;
}

/** Opens the device cloud on its stored rules and retained messages. Disposing waits for what is not yet committed. */
export async function openIot(dependencies: {
  readonly records: Records;
  readonly delivery: DeliveryService;
  readonly kinesis: KinesisPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Brokers of somebody else, and what is forwarded to and from them. */
  readonly foreign?: { readonly brokers: readonly ForeignBroker[]; readonly routes: readonly BridgeRoute[] };
}): Promise<Iot> {
  const { records, delivery, kinesis, clock, random, metrics } = dependencies;
  const logger = dependencies.logger.child({ service: 'iot' });
  const retained = await RetainedMessages.open({ records, clock, logger });
  const commit = new GroupCommit({ kinesis, delivery, retained, records, logger });
  const engine = new RuleEngine({ commit, clock, random, logger, metrics });
  const rules = await TopicRules.open(records, engine, clock);
  const broker = new RoutingBroker({ subscriptions: new Subscriptions(), retained, rules: engine, commit, metrics });
  const { brokers, routes } = dependencies.foreign ?? { brokers: [], routes: [] };
  const ground = { records, clock, random, logger, metrics };
  const foreign = await openForeignBrokers({ brokers, routes, local: broker, commit, ...ground });
  return {
    services: [
      { name: 'iot', operations: { ...topicRuleOperations(rules), ...endpointOperations }, errors: IOT_ANSWERS },
      { name: 'iotdata', operations: dataOperations(broker, retained), errors: IOT_DATA_ANSWERS },
    ],
    broker,
    rules: () => rules.list(),
    target: iotTarget(broker, engine),
    foreign,
    [Symbol.asyncDispose]: async () => {
      await foreign[Symbol.asyncDispose]();
      await broker.drain();
    },
  };
}
