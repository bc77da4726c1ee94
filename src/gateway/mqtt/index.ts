/** gateway/mqtt: MQTT 3.1.1 and 5.0 over TCP, TLS and WebSockets. */
export { MQTT_LIMITS, type MqttLimits } from './limits.ts';
export type { IdentitySource, ServerIdentity } from './listeners/identity.ts';
export type { ListenerAddress, ListenerKind, ListenerOptions } from './listeners/listener.ts';
export { type SignatureCheck, signatureCheck } from './listeners/signatures.ts';
export { type MqttGateway, type MqttGatewayOptions, openMqttGateway } from './server.ts';
