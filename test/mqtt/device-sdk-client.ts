/*
 * The AWS IoT device SDK for JavaScript, version 2, as its own examples use it; only the port and the authority are other ones.
 * In a process of its own, as its native part keeps a process alive that has used it. Prints a line of JSON for each way to connect:
 * what came of it.
 *
 *   node device-sdk-client.ts '{"mqtts": 8883, "https": 8443, "caFile": ...}'
 */
import { once } from 'node:events';
import { auth, iot, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2';

export interface SdkSettings {
  readonly mqtts: number;
  readonly https: number;
  readonly caFile: string;
  readonly device: { readonly certFile: string; readonly keyFile: string };
  readonly stranger: { readonly certFile: string; readonly keyFile: string };
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** What came of one way to connect. */
export interface SdkOutcome {
  readonly name: string;
  /** Reason code of CONNACK. */
  readonly connack?: number | undefined;
  /** Payload that came back. */
  readonly received?: string;
  readonly error?: string;
}

const settings = JSON.parse(process.argv[2]!) as SdkSettings;
const { device, stranger, keys, caFile } = settings;
const { AwsIotMqtt5ClientConfigBuilder: Builder5, AwsIotMqttConnectionConfigBuilder: Builder311 } = iot;

const credentialsProvider = auth.AwsCredentialsProvider.newStatic(keys.accessKeyId, keys.secretAccessKey);
const custom = { authorizerName: 'gate', username: 'user', password: Buffer.from('open') as unknown as ArrayBuffer };
const region = 'eu-central-1';

const mutual = ({ certFile, keyFile }: SdkSettings['device']) =>
  Builder5.newDirectMqttBuilderWithMtlsFromPath('localhost', certFile, keyFile);

async function connected(client: mqtt5.Mqtt5Client): Promise<number | undefined> {
  const [event] = (await Promise.race([once(client, 'connectionSuccess'), once(client, 'connectionFailure')])) as [
    Partial<mqtt5.ConnectionFailureEvent>,
  ];
  if (!event.connack) throw event.error;
  return event.connack.reasonCode;
}

async function over5(name: string, port: number, builder: iot.AwsIotMqtt5ClientConfigBuilder): Promise<SdkOutcome> {
  const config = builder
    .withCertificateAuthorityFromPath(undefined, caFile)
    .withPort(port)
    .withConnectProperties({ clientId: name, keepAliveIntervalSeconds: 1200 })
    .build();
  const client = new mqtt5.Mqtt5Client(config);
  client.start();
  const connack = await connected(client);
  if (connack !== 0) return { name, connack };
  const topicName = 'tests/sdk5';
  await client.subscribe({ subscriptions: [{ qos: mqtt5.QoS.AtLeastOnce, topicFilter: topicName }] });
  const received = once(client, 'messageReceived') as Promise<[mqtt5.MessageReceivedEvent]>;
  await client.publish({ topicName, qos: mqtt5.QoS.AtLeastOnce, payload: name });
  const [{ message }] = await received;
  const stopped = once(client, 'stopped');
  client.stop();
  await stopped;
  return { name, connack, received: Buffer.from(message.payload as ArrayBuffer).toString() };
}

async function over311(
  name: string,
  port: number,
  builder: iot.AwsIotMqttConnectionConfigBuilder,
): Promise<SdkOutcome> {
  const config = builder
    .with_certificate_authority_from_path(undefined, caFile)
    .with_clean_session(true)
    .with_client_id(name)
    .with_endpoint('localhost')
    .with_port(port)
    .build();
  const connection = new mqtt.MqttClient().new_connection(config);
  await connection.connect();
  const received = Promise.withResolvers<string>();
  await connection.subscribe('tests/sdk311', mqtt.QoS.AtLeastOnce, (_topic, payload) => {
    received.resolve(Buffer.from(payload).toString());
  });
  await connection.publish('tests/sdk311', name, mqtt.QoS.AtLeastOnce);
  const outcome = { name, connack: 0, received: await received.promise };
  await connection.disconnect();
  return outcome;
}

const { mqtts, https } = settings;
const sigV4 = () => Builder5.newWebsocketMqttBuilderWithSigv4Auth('localhost', { credentialsProvider, region });
const WAYS: readonly ((name: string) => Promise<SdkOutcome>)[] = [
  (name) => over5(name, mqtts, mutual(device)),
  (name) => over5(name, https, mutual(device)),
  (name) => over5(name, https, Builder5.newDirectMqttBuilderWithCustomAuth('localhost', custom)),
  (name) => over5(name, https, sigV4()),
  (name) => over5(name, https, Builder5.newWebsocketMqttBuilderWithCustomAuth('localhost', custom)),
  (name) => over311(name, mqtts, Builder311.new_mtls_builder_from_path(device.certFile, device.keyFile)),
  (name) => over311(name, https, Builder311.new_with_websockets({ region, credentials_provider: credentialsProvider })),
  (name) => over5(name, mqtts, mutual(stranger)),
];

/** In the order of {@link WAYS}. */
const WAY_NAMES = [
  'MQTT 5 by mutual TLS',
  'MQTT 5 by mutual TLS and ALPN',
  'MQTT 5 by a custom authorizer',
  'MQTT 5 by WebSocket and Signature Version 4',
  'MQTT 5 by WebSocket and a custom authorizer',
  'MQTT 3.1.1 by mutual TLS',
  'MQTT 3.1.1 by WebSocket and Signature Version 4',
  'a stranger',
] as const;

for (const [index, way] of WAYS.entries()) {
  const name = WAY_NAMES[index]!;
  const outcome = await way(name).catch((error: unknown): SdkOutcome => ({ name, error: String(error) }));
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
process.exit();
