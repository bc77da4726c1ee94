"""Drives a broker with paho: QoS 0 to 2 both ways, retained messages, a will, MQTT 5 properties, a session that is resumed.

    python3 paho-client.py PORT 311|5

Prints one JSON line with what it has seen.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(sys.argv[1])
FIVE = sys.argv[2] == "5"
PROTOCOL = mqtt.MQTTv5 if FIVE else mqtt.MQTTv311
WAIT = 20


class Client:
    def __init__(self, name, clean=True, will=None):
        options = {} if FIVE else {"clean_session": clean}
        self.client = mqtt.Client(name, protocol=PROTOCOL, **options)
        self.messages = []
        self.arrived = threading.Condition()
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self.gone = threading.Event()
        self.session = None
        self.connack = None
        self.code = None
        self.client.on_message = self.on_message
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_disconnect = self.on_disconnect
        if will:
            self.client.will_set(*will)
        more = {}
        if FIVE:
            properties = Properties(PacketTypes.CONNECT)
            if not clean:
                properties.SessionExpiryInterval = 600
            properties.TopicAliasMaximum = 0
            more = {"clean_start": clean, "properties": properties}
        self.client.connect("127.0.0.1", PORT, keepalive=30, **more)
        self.client.loop_start()
        assert self.connected.wait(WAIT), "no CONNACK"

    def on_connect(self, _client, _userdata, flags, code, properties=None):
        self.session = flags["session present"]
        self.connack = properties
        self.connected.set()

    def on_disconnect(self, _client, _userdata, code, _properties=None):
        # The first one counts: paho tells of the closed socket too.
        if not self.gone.is_set():
            self.code = int(getattr(code, "value", code))
        self.gone.set()

    def on_message(self, _client, _userdata, message):
        with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()

    def subscribe(self, topic, qos):
        self.subscribed.clear()
        self.client.subscribe(topic, qos)
        assert self.subscribed.wait(WAIT), "no SUBACK"

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.messages) >= count, WAIT), (
                "%d of %d messages" % (len(self.messages), count)
            )
        return self.messages

    def publish(self, topic, payload, qos, retain=False, properties=None):
        info = self.client.publish(topic, payload, qos, retain, properties)
        info.wait_for_publish(WAIT)
        assert info.is_published(), "not acknowledged"

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def main():
    publisher = Client("paho-pub", will=("paho/will", "gone", 1, False))
    publisher.publish("paho/kept", "kept", 1, True)
    subscriber = Client("paho-sub", clean=False)
    first_session = subscriber.session
    subscriber.subscribe("paho/#", 2)
    subscriber.wait(1)
    properties = None
    if FIVE:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = "text/plain"
        properties.ResponseTopic = "paho/answers"
        properties.CorrelationData = b"42"
        properties.UserProperty = [("a", "1"), ("b", "2")]
    for qos in (0, 1, 2):
        publisher.publish("paho/live", "qos%d" % qos, qos, properties=properties)
    subscriber.wait(4)
    # Away: what comes meanwhile waits in its session.
    subscriber.close()
    publisher.publish("paho/offline", "kept for you", 1)
    again = Client("paho-sub", clean=False)
    again.wait(1)
    publisher.client._sock_close()
    again.wait(2)
    seen = [(m.topic, m.payload.decode(), m.qos, m.retain) for m in subscriber.messages + again.messages]
    twin = Client("paho-sub", clean=True)
    assert again.gone.wait(WAIT), "not taken over"
    result = {"seen": seen, "sessions": [first_session, again.session, twin.session], "taken over": again.code}
    if FIVE:
        live = subscriber.messages[1].properties
        result["properties"] = [
            live.ContentType,
            live.ResponseTopic,
            live.CorrelationData.decode(),
            [list(pair) for pair in live.UserProperty],
        ]
        result["receive maximum"] = publisher.connack.ReceiveMaximum
    print(json.dumps(result))
    for client in (publisher, again, twin):
        client.client.loop_stop()


main()
