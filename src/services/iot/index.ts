/** services/iot: the device cloud: message broker, topic rules and the IoT data plane. */
import type { Clock, Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { AbsentClients } from './access/absent-clients.ts';
import type { DeviceAccess } from './access/access.ts';
import { PrincipalChanges } from './access/changes.ts';
import { type ClientDirectory, type ClientWatcher, NO_CLIENTS } from './access/clients.ts';
import { PolicyAccess } from './access/device-access.ts';
import { Identifier } from './access/identifier.ts';
import { Inquiry } from './access/inquiry.ts';
import type { CertificateAdmission, Signers } from './access/ports.ts';
import { type AccessReview, accessReview } from './access/review.ts';
import { TokenAuthentication, type TokenIssuer } from './access/tokens.ts';
import { DeviceUsers } from './access/users.ts';
import { Authorizers } from './authorizers/authorizers.ts';
import { CustomAuthentication } from './authorizers/custom-authentication.ts';
import { type BridgeRoute, type ForeignBroker, type ForeignBrokers, openForeignBrokers } from './bridge/index.ts';
import { type Broker, RoutingBroker } from './broker/broker.ts';
import { GroupCommit } from './broker/commit-group.ts';
import { RetainedMessages } from './broker/retained.ts';
import { Subscriptions } from './broker/subscriptions.ts';
import { SystemTopics } from './broker/system-topics.ts';
import type { CertificateAuthority } from './certificates/authority.ts';
import { certificateArn } from './certificates/certificate.ts';
import { IOT_ANSWERS, IOT_DATA_ANSWERS } from './errors.ts';
import { IOT_LIMITS } from './limits.ts';
import { authorizationOperations } from './operations/authorization.ts';
import { authorizerOperations } from './operations/authorizers.ts';
import { connectionOperations, connectivityOperations } from './operations/connections.ts';
import { DATA_RECEIPTS, dataOperations } from './operations/data.ts';
import { endpointOperations } from './operations/endpoint.ts';
import { eventConfigurationOperations } from './operations/event-configurations.ts';
import { policyOperations } from './operations/policies.ts';
import { policyAttachmentOperations } from './operations/policy-attachments.ts';
import { tagOperations } from './operations/tags.ts';
import { thingGroupOperations } from './operations/thing-groups.ts';
import { thingTypeOperations } from './operations/thing-types.ts';
import { thingOperations } from './operations/things.ts';
import { topicRuleOperations } from './operations/topic-rules.ts';
import { IOT_DATA_PERMISSIONS, iotPermissions } from './permissions.ts';
import { Policies } from './policies/policies.ts';
import type { CheckProvisioning, InvokeFunction, KinesisPort, RuleRights } from './ports.ts';
import { LifecycleEvents } from './presence/events.ts';
import { type ClientHistory, ConnectionHistory } from './presence/history.ts';
import { Presence } from './presence/presence.ts';
import { MessageTaps } from './presence/tap.ts';
import { openDeviceIdentities } from './provisioning/identities.ts';
import { RuleEngine } from './rules/engine.ts';
import type { TopicRule } from './rules/rule.ts';
import { TopicRules } from './rules/rules.ts';
import { Sessions } from './sessions/sessions.ts';
import { Tags } from './tags.ts';
import { iotTarget } from './target.ts';
import { RegistryEvents } from './things/events.ts';
import { ThingGroups } from './things/groups.ts';
import { type PrincipalFacts, principalFacts } from './things/principals.ts';
import { Things } from './things/things.ts';
import { ThingTypes } from './things/types.ts';

export {
  type Arrival,
  type ClientPermissions,
  type ConnectAttribute,
  type ConnectDecision,
  type ConnectRequest,
  type DeviceAccess,
  OPEN_ACCESS,
  type PeerCertificate,
  type PermissionsListener,
  type SignedCaller,
  type UpgradeRequest,
} from './access/access.ts';
export type { AuthenticationExchange, AuthenticationMethod, AuthenticationStep } from './access/authentication.ts';
export type { ClientDirectory, ClientWatcher, ConnectedClient, DisconnectReason } from './access/clients.ts';
export { openInTheClear } from './access/device-access.ts';
export type {
  Admission,
  AttachedThing,
  CertificateAdmission,
  SignerFacts,
  Signers,
  ThingDirectory,
} from './access/ports.ts';
export type { AccessAnswer, AccessQuestion, AccessReview, RefusalView } from './access/review.ts';
export type { TokenIssuer } from './access/tokens.ts';
export { userArn } from './access/users.ts';
export { BRIDGE_LIMITS, type BridgeRoute, type ForeignBroker, type ForeignBrokers } from './bridge/index.ts';
export type { Broker } from './broker/broker.ts';
export { type CommitGroup, type CommitListener, joined } from './broker/commit-group.ts';
export type { Publisher, RoutedMessage } from './broker/message.ts';
export type { ReservedTopicHandler } from './broker/reserved.ts';
export type { Retained, RetainedMessage } from './broker/retained.ts';
export { isValidGroup, parseShared, type SharedGroup } from './broker/shared-group.ts';
export type { Receiver, Subscriber, Subscription } from './broker/subscriptions.ts';
export type { SystemValue } from './broker/system-topics.ts';
export type { Identity } from './certificates/authority.ts';
export { IotError, type IotErrorCode } from './errors.ts';
export { IOT_LIMITS } from './limits.ts';
export { DEVICE_ACTIONS, type DeviceAction } from './policies/document.ts';
export type {
  ActionRight,
  CheckProvisioning,
  FunctionOutcome,
  InvokeFunction,
  KinesisPort,
  ProvisioningStep,
  RuleRights,
  StreamPort,
} from './ports.ts';
export type { ClientConnection, ClientHistory } from './presence/history.ts';
export type { MessageTaps, TappedMessage, TapReading } from './presence/tap.ts';
export type { RuleAction, TopicRule } from './rules/rule.ts';
export { ruleArn } from './rules/rules.ts';
export { receiverFrame, retainedFrame, storedFrame, topicOf } from './sessions/frames.ts';
export type { ClientSession, SessionLink, Step } from './sessions/link.ts';
export type { DurableSession } from './sessions/session.ts';
export type { Leaving, Opening, SessionRequest, Sessions } from './sessions/sessions.ts';
export { type ThingGroup, thingGroupArn } from './things/groups.ts';
export { type Thing, type ThingPrincipal, type ThingView, thingArn } from './things/thing.ts';
export type { Things } from './things/things.ts';

export interface Iot extends AsyncDisposable {
  /** `iot` (control plane) and `iotdata` (data plane). */
  readonly services: readonly Service[];
  /** What gateways talk to. */
  readonly broker: Broker;
  /** What gateways tell of their clients: lifecycle events and connection history. */
  readonly watcher: ClientWatcher;
  /** Which clients there have been, and when. */
  readonly history: ClientHistory;
  readonly things: Things;
  /** Which client certificates may come in. */
  readonly certificates: CertificateAdmission;
  /** The node's own certificate authority: its certificate, and the one that the node shows to devices. */
  readonly authority: Pick<CertificateAuthority, 'certificate' | 'serverIdentity'>;
  /** What gateways ask about their clients. */
  readonly access: DeviceAccess;
  /** What is known of a principal of a thing. @param arn  or a certificate's id */
  principal(arn: string): Promise<PrincipalFacts & { readonly arn: string }>;
  /** What clients publish, for those who look. */
  readonly taps: Pick<MessageTaps, 'read'>;
  /** Has the APIs show and end the connections of a gateway; before it is called there are none. */
  showClients(directory: ClientDirectory): void;
  /** Why devices may or may not do something. */
  readonly review: AccessReview;
  /** Users that prove themselves by a password. */
  readonly users: Pick<DeviceUsers, 'list' | 'setPassword' | 'delete'>;
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
  /** The release, for `$SYS/broker/version`. */
  readonly version?: string;
  /** How custom authorizers are asked; without it there are no functions. */
  readonly invokeFunction?: InvokeFunction;
  /** Keys and policies of the account: what whoever has signed may do. Absent holds nobody to policies. */
  readonly signers?: Signers;
  /** What the roles of rules' actions may do. Absent holds no rule to its roles. */
  readonly ruleRights?: RuleRights;
  /** What the roles of provisioning templates may do. Absent holds no template to its role. */
  readonly checkProvisioning?: CheckProvisioning;
  /** Whose JSON Web Tokens are taken; nobody's unless given. */
  readonly tokenIssuers?: readonly TokenIssuer[];
  /** Brokers of somebody else, and what is forwarded to and from them. */
  readonly foreign?: { readonly brokers: readonly ForeignBroker[]; readonly routes: readonly BridgeRoute[] };
}): Promise<Iot> {
  const { records, delivery, kinesis, clock, random, metrics, version } = dependencies;
  const logger = dependencies.logger.child({ service: 'iot' });
  const retained = await RetainedMessages.open({ records, clock, logger });
  const commit = new GroupCommit({ kinesis, delivery, retained, records, clock, logger });
  const engine = new RuleEngine({ commit, rights: dependencies.ruleRights, clock, random, logger, metrics });
  const rules = await TopicRules.open(records, engine, clock);
  const subscriptions = new Subscriptions();
  const sessions = await Sessions.open({ records, subscriptions, commit, clock, logger, metrics });
  const system = new SystemTopics(clock);
  const broker = new RoutingBroker({
    subscriptions,
    retained,
    rules: engine,
    commit,
    sessions,
    system,
    clock,
    metrics,
  });
  const startedAt = clock.monotonic();
  broker.tell({
    version: () => (version === undefined ? 'millrace' : `millrace version ${version}`),
    uptime: () => `${Math.floor((clock.monotonic() - startedAt) / 1000)} seconds`,
    'subscriptions/count': () => subscriptions.size,
    'retained messages/count': () => retained.size,
  });
  system.start(broker, IOT_LIMITS.systemTopicsMs);
  const { brokers, routes } = dependencies.foreign ?? { brokers: [], routes: [] };
  const ground = { records, clock, random, logger, metrics };
  const foreign = await openForeignBrokers({ brokers, routes, local: broker, commit, ...ground });
  const changes = new PrincipalChanges();
  const types = await ThingTypes.open(records, clock, random);
  const groups = await ThingGroups.open(records, clock, random);
  const things = await Things.open({ records, types, groups, changes, clock, random });
  const isKept = (clientId: string) => things.find(clientId) !== undefined;
  const history = await ConnectionHistory.open({ records, clock, logger, isKept });
  const presence = new Presence({ events: new LifecycleEvents(broker, logger), history, clock, random });
  presence.start();
  const policies = await Policies.open({ records, changes, clock });
  const authorizers = await Authorizers.open({ records, changes, clock });
  const { invokeFunction: invoke = noFunctions, tokenIssuers = [], signers } = dependencies;
  const identities = await openDeviceIdentities({
    records,
    things,
    policies,
    changes,
    broker,
    invoke,
    check: dependencies.checkProvisioning ?? (async () => {}),
    clock,
    random,
    logger,
  });
  const { admission, certificates, authority } = identities;
  const custom = new CustomAuthentication({ authorizers, invoke, clock, random, logger });
  const users = await DeviceUsers.open({ records, changes, clock, random });
  const tokens = new TokenAuthentication(tokenIssuers, clock, logger);
  const identifier = new Identifier({ certificates: admission, authorizers, custom, tokens, users });
  const access = new PolicyAccess({ identifier, policies, things, changes, clock, ...(signers && { signers }) });
  sessions.start((packet, publisher) => broker.publish(packet, publisher), new AbsentClients(access, admission, users));
  const inquiry = new Inquiry({ policies, things, certificates: admission, now: () => clock.now() });
  const taps = new MessageTaps(broker, clock);
  let clients = NO_CLIENTS;
  const tags = await Tags.open(records, {
    ...identities.taggable,
    authorizer: (name) => authorizers.find(name) !== undefined,
    policy: (name) => policies.find(name) !== undefined,
    rule: (name) => rules.find(name) !== undefined,
    thinggroup: (name) => groups.find(name) !== undefined,
    thingtype: (name) => types.find(name) !== undefined,
  });
  const isKnown = (principal: string) => {
    const id = /:cert\/(.+)$/.exec(principal)?.[1];
    return id === undefined || identities.isKnown(id);
  };
  const registryEvents = await RegistryEvents.open({ records, things, broker, clock, random, logger });
  const control = {
    ...topicRuleOperations(rules, tags),
    ...endpointOperations,
    ...thingOperations(things, isKnown),
    ...tagOperations(tags),
    ...eventConfigurationOperations(registryEvents),
    ...thingTypeOperations(things, tags),
    ...thingGroupOperations(things, tags, (arn) => policies.detachAll(arn)),
    ...identities.operations(tags),
    ...policyOperations(policies, tags),
    ...policyAttachmentOperations(policies, things, isKnown),
    ...authorizationOperations(policies, inquiry),
    ...authorizerOperations({ authorizers, authentication: custom, tags, random }),
    ...connectivityOperations(history),
  };
  const data = {
    ...dataOperations(broker, retained),
    ...connectionOperations({ clients: () => clients, history, broker }),
  };
  return {
    services: [
      { name: 'iot', operations: control, permissions: iotPermissions(tags), errors: IOT_ANSWERS },
      {
        name: 'iotdata',
        operations: data,
        permissions: IOT_DATA_PERMISSIONS,
        errors: IOT_DATA_ANSWERS,
        receipts: DATA_RECEIPTS,
      },
    ],
    broker,
    access,
    review: accessReview({ refusals: access.refusals, live: access.live, inquiry }),
    users,
    watcher: presence,
    history,
    things,
    certificates: admission,
    authority,
    principal: async (given) => {
      const certificate = certificates.find(given);
      const arn = certificate ? certificateArn(certificate) : given;
      return { arn, ...(await principalFacts(arn, certificates, policies)) };
    },
    taps,
    showClients: (directory) => {
      clients = directory;
    },
    rules: () => rules.list(),
    target: iotTarget(broker, engine),
    foreign,
    [Symbol.asyncDispose]: async () => {
      await foreign[Symbol.asyncDispose]();
      await identities[Symbol.asyncDispose]();
      taps.close();
      system.stop();
      access[Symbol.dispose]();
      await sessions.close();
      await broker.drain();
      await presence.close();
    },
  };
}

const noFunctions: InvokeFunction = async () => ({ kind: 'failed', reason: 'there are no functions here' });
