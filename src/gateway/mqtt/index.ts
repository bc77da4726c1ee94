/** gateway/mqtt: MQTT 3.1.1 and 5.0 over TCP. */
export { MQTT_LIMITS, type MqttLimits } from './limits.ts';
export { type MqttGateway, type MqttGatewayOptions, openMqttGateway } from './server.ts';
