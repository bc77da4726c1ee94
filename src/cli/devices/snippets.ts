import type { DeviceFiles } from './files.ts';

/** How a device reaches the node. */
export interface DeviceAddress {
  readonly host: string;
  readonly port: number;
}

export const SNIPPETS = {
  mosquitto: { title: 'mosquitto_pub', write: mosquitto },
  'mqtt.js': { title: 'mqtt.js (npm install mqtt)', write: mqttJs },
  python: { title: 'Python (pip install paho-mqtt)', write: python },
  'aws-sdk': { title: 'AWS IoT device SDK for JavaScript v2 (npm install aws-iot-device-sdk-v2)', write: awsSdk },
} as const;

export type SnippetKind = keyof typeof SNIPPETS;

/** A program that sends one message as the device, ready to run. */
export function snippet(kind: SnippetKind, name: string, files: DeviceFiles, address: DeviceAddress): string {
  return SNIPPETS[kind].write(name, files, address);
}

const topicOf = (name: string) => `devices/${name}/telemetry`;
const MESSAGE = '{"temperature": 21.5}';

function mosquitto(name: string, { key, certificate, authority }: DeviceFiles, { host, port }: DeviceAddress): string {
  return `mosquitto_pub -h ${shell(host)} -p ${port} -i ${shell(name)} -q 1 \\
  --cafile ${shell(authority)} --cert ${shell(certificate)} --key ${shell(key)} \\
  -t ${shell(topicOf(name))} -m ${shell(MESSAGE)}
`;
}

function mqttJs(name: string, { key, certificate, authority }: DeviceFiles, { host, port }: DeviceAddress): string {
  return `import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';

const client = await mqtt.connectAsync({
  protocol: 'mqtts',
  host: ${js(host)},
  port: ${port},
  clientId: ${js(name)},
  protocolVersion: 5,
  ca: readFileSync(${js(authority)}),
  cert: readFileSync(${js(certificate)}),
  key: readFileSync(${js(key)}),
});
await client.publishAsync(${js(topicOf(name))}, ${js(MESSAGE)}, { qos: 1 });
await client.endAsync();
`;
}

/** JSON's strings are Python's. */
function python(name: string, { key, certificate, authority }: DeviceFiles, { host, port }: DeviceAddress): string {
  return `import paho.mqtt.client as mqtt

options = {"client_id": ${JSON.stringify(name)}, "protocol": mqtt.MQTTv5}
if hasattr(mqtt, "CallbackAPIVersion"):  # paho-mqtt 2
    options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
client = mqtt.Client(**options)
client.tls_set(
    ca_certs=${JSON.stringify(authority)},
    certfile=${JSON.stringify(certificate)},
    keyfile=${JSON.stringify(key)},
)
client.connect(${JSON.stringify(host)}, ${port})
client.loop_start()
client.publish(${JSON.stringify(topicOf(name))}, ${js(MESSAGE)}, qos=1).wait_for_publish(10)
client.disconnect()
client.loop_stop()
`;
}

function awsSdk(name: string, { key, certificate, authority }: DeviceFiles, { host, port }: DeviceAddress): string {
  return `import { once } from 'node:events';
import { iot, mqtt5 } from 'aws-iot-device-sdk-v2';

const config = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(
  ${js(host)},
  ${js(certificate)},
  ${js(key)},
)
  .withPort(${port})
  .withCertificateAuthorityFromPath(undefined, ${js(authority)})
  .withConnectProperties({ clientId: ${js(name)}, keepAliveIntervalSeconds: 30 })
  .build();
const client = new mqtt5.Mqtt5Client(config);
const connected = once(client, 'connectionSuccess');
client.start();
await connected;
await client.publish({ topicName: ${js(topicOf(name))}, qos: mqtt5.QoS.AtLeastOnce, payload: ${js(MESSAGE)} });
const stopped = once(client, 'stopped');
client.stop({ reasonCode: mqtt5.DisconnectReasonCode.NormalDisconnection });
await stopped;
client.close();
process.exit(); // threads of the SDK would keep the process alive
`;
}

/** A word of a POSIX shell. */
function shell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A string of JavaScript, and of Python, in the quotes that their programs mostly have. */
function js(text: string): string {
  return text.includes("'") || text.includes('\\') ? JSON.stringify(text) : `'${text}'`;
}
