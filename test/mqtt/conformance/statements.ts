/**
 * Every numbered normative statement of MQTT 5.0 and 3.1.1 (OASIS), in a few words of ours; the specifications have the whole sentence.
 * A test says which it shows by a comment above it: `// Shows [MQTT-3.1.0-1], [3.1.1: MQTT-3.1.0-1]`.
 */
export interface Statement {
  readonly version: '5.0' | '3.1.1';
  /** For example `MQTT-3.1.0-1`. */
  readonly id: string;
  readonly words: string;
  /** Why there is nothing to test here: it binds clients alone, or a choice that this server does not make. */
  readonly untested?: string;
}

/** Marks of the lists: `c` binds clients alone, `n` is about something that this server does not do. */
const UNTESTED: Readonly<Record<string, string>> = {
  c: 'for clients',
  n: 'for servers without the feature; this one has it',
};

/** `number [mark] words`, one a line. */
function parse(version: Statement['version'], text: string): Statement[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, number, mark, words] = /^(\S+) (?:\[(\w)\] )?(.+)$/.exec(line.trim())!;
      const untested = mark === undefined ? undefined : UNTESTED[mark];
      return { version, id: `MQTT-${number}`, words: words!, ...(untested !== undefined && { untested }) };
    });
}

const FIVE = parse(
  '5.0',
  `
1.5.4-1 strings are well-formed UTF-8, without surrogates
1.5.4-2 strings hold no U+0000
1.5.4-3 U+FEFF in a string is kept
1.5.5-1 a variable byte integer takes no more bytes than needed
1.5.7-1 both halves of a string pair are such strings
2.1.3-1 reserved flags have the values listed
2.2.1-2 a PUBLISH of QoS 0 has no packet identifier
2.2.1-3 [c] a client gives a new packet an identifier that is not in use, and not 0
2.2.1-4 the server gives a new PUBLISH an identifier that is not in use, and not 0
2.2.1-5 acknowledgements carry the identifier of the PUBLISH
2.2.1-6 SUBACK and UNSUBACK carry the identifier of the request
2.2.2-1 no properties is a property length of 0
3.1.0-1 the first packet is CONNECT
3.1.0-2 a second CONNECT is a protocol error
3.1.2-1 the protocol name is MQTT, else the connection is closed
3.1.2-2 another protocol version may be answered with 0x84 and is closed
3.1.2-3 the reserved connect flag is 0
3.1.2-4 clean start discards the session that was
3.1.2-5 without clean start the session goes on
3.1.2-6 without clean start and without a session, a new one begins
3.1.2-7 a will is kept with the session
3.1.2-8 the will is published after the connection has ended, unless DISCONNECT 0x00 came or the client is back before its delay
3.1.2-9 will properties, topic and payload are there when the flag says so
3.1.2-10 a will is gone once published or after DISCONNECT 0x00
3.1.2-11 no will: will QoS is 0
3.1.2-12 will QoS is 0, 1 or 2
3.1.2-13 no will: will retain is 0
3.1.2-14 a will without retain is published without it
3.1.2-15 a will with retain is published retained
3.1.2-16 no user name without its flag
3.1.2-17 a user name with its flag
3.1.2-18 no password without its flag
3.1.2-19 a password with its flag
3.1.2-20 [c] a client pings within its keep-alive
3.1.2-21 [c] a client keeps to the server's keep-alive
3.1.2-22 one and a half keep-alives without a packet end the connection
3.1.2-23 the session outlives its connection by its expiry
3.1.2-24 no packet larger than the client takes is sent
3.1.2-25 a message too large for the client counts as sent
3.1.2-26 no topic alias above the client's maximum
3.1.2-27 no topic alias where the client allows none
3.1.2-28 no response information unless asked for
3.1.2-29 no reason string or user property where the client wants none, but on PUBLISH, CONNACK and DISCONNECT
3.1.2-30 with an authentication method, nothing but AUTH and DISCONNECT before CONNACK
3.1.3-1 the fields of the payload come in order
3.1.3-2 the client id names the session
3.1.3-3 the client id is there and comes first
3.1.3-4 the client id is a UTF-8 string
3.1.3-5 ids of 1 to 23 letters and digits are allowed
3.1.3-6 a client without an id gets one of its own
3.1.3-7 it is treated as if it had sent it, and is told
3.1.3-8 a rejected id may be answered with 0x85 and is closed
3.1.3-9 no will when the client is back before the will delay has passed
3.1.3-10 user properties of a will keep their order
3.1.3-11 the will topic is a UTF-8 string
3.1.3-12 the user name is a UTF-8 string
3.1.4-1 a CONNECT of another form closes the connection
3.1.4-2 a CONNECT that may not be is closed
3.1.4-3 a client with the same id is disconnected with 0x8E
3.1.4-4 clean start is done as it says
3.1.4-5 CONNACK 0x00 answers a good CONNECT
3.1.4-6 nothing behind a rejected CONNECT is processed
3.2.0-1 CONNACK comes before all but AUTH
3.2.0-2 there is one CONNACK
3.2.2-1 reserved CONNACK flags are 0
3.2.2-2 clean start: session present is 0
3.2.2-3 session present says whether there was a session
3.2.2-4 [c] a client without a session does not accept one
3.2.2-5 [c] a client forgets a session that the server has not
3.2.2-6 session present is 0 in a refusal
3.2.2-7 a refusal closes the connection
3.2.2-8 CONNACK has one of its reason codes
3.2.2-9 [n] a server without QoS 1 or 2 says so
3.2.2-10 [n] it still accepts subscriptions with them
3.2.2-11 [c] a client keeps to the maximum QoS
3.2.2-12 [n] a will QoS above it is rejected
3.2.2-13 [n] a retained will is rejected where there are no retained messages
3.2.2-14 [c] a client keeps to it
3.2.2-15 a client sends no packet larger than the server takes
3.2.2-16 the assigned id is told, and nobody else has it
3.2.2-17 a client uses no topic alias above the maximum
3.2.2-18 [c] nor any where there are none
3.2.2-19 no reason string that makes CONNACK too large
3.2.2-20 no user property that makes CONNACK too large
3.2.2-21 [c] a client keeps to the server's keep-alive
3.2.2-22 without one, the client's holds
3.3.1-1 DUP is 1 when a PUBLISH is sent again
3.3.1-2 DUP is 0 at QoS 0
3.3.1-3 DUP is not passed on
3.3.1-4 there is no QoS 3
3.3.1-5 a retained message replaces the one before
3.3.1-6 an empty one removes it
3.3.1-7 an empty one is not kept
3.3.1-8 without RETAIN nothing is kept or replaced
3.3.1-9 retain handling 0: retained messages are sent
3.3.1-10 retain handling 1: only for a new subscription
3.3.1-11 retain handling 2: never
3.3.1-12 RETAIN is 0 in what is forwarded without retain as published
3.3.1-13 with it, RETAIN is as it was published
3.3.2-1 the topic name comes first and is a UTF-8 string
3.3.2-2 a topic name has no wildcards
3.3.2-3 what is sent matches the subscription
3.3.2-4 the payload format indicator is passed on
3.3.2-5 an expired message is not sent
3.3.2-6 the expiry that is sent is what is left of it
3.3.2-7 topic aliases belong to one connection
3.3.2-8 topic alias 0 is not allowed
3.3.2-9 a client's alias above the maximum is not allowed
3.3.2-10 [c] a client accepts the aliases that it has allowed
3.3.2-11 the server's aliases stay within the client's maximum
3.3.2-12 all aliases up to the server's maximum are accepted
3.3.2-13 the response topic is a UTF-8 string
3.3.2-14 it has no wildcards
3.3.2-15 it is passed on
3.3.2-16 correlation data is passed on
3.3.2-17 user properties are passed on
3.3.2-18 in their order
3.3.2-19 the content type is a UTF-8 string
3.3.2-20 it is passed on
3.3.4-1 a PUBLISH is answered as its QoS says
3.3.4-2 overlapping subscriptions: the highest QoS counts
3.3.4-3 their identifiers are sent
3.3.4-4 one copy has the identifiers of all that match
3.3.4-5 of several copies, each has that of its own (only shared ones come apart here)
3.3.4-6 a client sends no subscription identifier in a PUBLISH
3.3.4-7 a client keeps to the server's receive maximum
3.3.4-8 [c] it holds back nothing but PUBLISH for that
3.3.4-9 the server keeps to the client's receive maximum
3.3.4-10 it holds back nothing but PUBLISH for that
3.4.2-1 PUBACK has one of its reason codes
3.4.2-2 no reason string that makes PUBACK too large
3.4.2-3 no user property that makes PUBACK too large
3.5.2-1 PUBREC has one of its reason codes
3.5.2-2 no reason string that makes PUBREC too large
3.5.2-3 no user property that makes PUBREC too large
3.6.1-1 the flags of PUBREL are 0010
3.6.2-1 PUBREL has one of its reason codes
3.6.2-2 no reason string that makes PUBREL too large
3.6.2-3 no user property that makes PUBREL too large
3.7.2-1 PUBCOMP has one of its reason codes
3.7.2-2 no reason string that makes PUBCOMP too large
3.7.2-3 no user property that makes PUBCOMP too large
3.8.1-1 the flags of SUBSCRIBE are 0010
3.8.3-1 filters are UTF-8 strings
3.8.3-2 there is one filter at least
3.8.3-3 no local: nothing to whoever has published it
3.8.3-4 no local on a shared subscription is a protocol error
3.8.3-5 reserved bits of the options are 0
3.8.4-1 SUBSCRIBE is answered with SUBACK
3.8.4-2 of the same packet identifier
3.8.4-3 the same filter again replaces the subscription
3.8.4-4 retained messages are sent again then, and none is lost
3.8.4-5 several filters are as several packets, with one answer
3.8.4-6 there is a reason code for each
3.8.4-7 it is the granted QoS or the failure
3.8.4-8 messages come with the lower of both QoS
3.9.2-1 no reason string that makes SUBACK too large
3.9.2-2 no user property that makes SUBACK too large
3.9.3-1 reason codes are in the order of the filters
3.9.3-2 SUBACK has reason codes of its own
3.10.1-1 the flags of UNSUBSCRIBE are 0010
3.10.3-1 filters are UTF-8 strings
3.10.3-2 there is one filter at least
3.10.4-1 filters are compared character by character
3.10.4-2 no new messages after it
3.10.4-3 what was begun is completed
3.10.4-4 UNSUBSCRIBE is answered with UNSUBACK
3.10.4-5 of the same packet identifier, even if nothing was deleted
3.10.4-6 several filters are as several packets, with one answer
3.11.2-1 no reason string that makes UNSUBACK too large
3.11.2-2 no user property that makes UNSUBACK too large
3.11.3-1 reason codes are in the order of the filters
3.11.3-2 UNSUBACK has reason codes of its own
3.12.4-1 PINGREQ is answered with PINGRESP
3.14.0-1 no DISCONNECT from the server before CONNACK
3.14.1-1 the flags of DISCONNECT are 0
3.14.2-1 DISCONNECT has one of its reason codes
3.14.2-2 no session expiry in a DISCONNECT of the server
3.14.2-3 no reason string that makes DISCONNECT too large
3.14.2-4 no user property that makes DISCONNECT too large
3.14.4-1 nothing is sent after DISCONNECT
3.14.4-2 whoever has sent it closes
3.14.4-3 DISCONNECT 0x00 discards the will
3.15.1-1 the flags of AUTH are 0
3.15.2-1 AUTH has one of its reason codes
3.15.2-2 no reason string that makes AUTH too large
3.15.2-3 no user property that makes AUTH too large
4.1.0-1 the session stays while the connection is open
4.1.0-2 it is discarded when it has expired
4.2-1 there is an ordered, lossless transport
4.3.1-1 QoS 0: sent with QoS 0 and DUP 0
4.3.2-1 QoS 1, sender: an unused identifier for each message
4.3.2-2 sent with QoS 1 and DUP 0
4.3.2-3 unacknowledged until PUBACK
4.3.2-4 QoS 1, receiver: PUBACK when the message is owned
4.3.2-5 the same identifier after that is a new message
4.3.3-1 QoS 2, sender: an unused identifier for each message
4.3.3-2 sent with QoS 2 and DUP 0
4.3.3-3 unacknowledged until PUBREC
4.3.3-4 PUBREL answers a PUBREC below 0x80
4.3.3-5 unacknowledged until PUBCOMP
4.3.3-6 the PUBLISH is not sent again after PUBREL
4.3.3-7 it does not expire once sent
4.3.3-8 QoS 2, receiver: PUBREC when the message is owned
4.3.3-9 after a PUBREC of 0x80 or above the identifier is free
4.3.3-10 until PUBREL the same identifier is the same message
4.3.3-11 PUBREL is answered with PUBCOMP
4.3.3-12 after that the identifier is free
4.3.3-13 the exchange goes on even if the message has expired
4.4.0-1 a resumed session sends what is unacknowledged again, and only then
4.4.0-2 a refused message is not sent again
4.5.0-1 a message goes to the session of every client that is subscribed
4.5.0-2 [c] a client acknowledges what it gets
4.6.0-1 what is sent again keeps its order
4.6.0-2 PUBACKs come in the order of the messages
4.6.0-3 PUBRECs come in the order of the messages
4.6.0-4 PUBRELs come in the order of the PUBRECs
4.6.0-5 messages of one client to one topic and QoS keep their order
4.6.0-6 that holds for every topic
4.7.0-1 topic names hold no wildcards
4.7.1-1 # stands alone or after / and last
4.7.1-2 + takes a whole level
4.7.2-1 wildcards at the beginning do not match $ topics
4.7.3-1 names and filters have one character at least
4.7.3-2 and no U+0000
4.7.3-3 and no more than 65,535 bytes
4.7.3-4 nothing is normalised
4.8.2-1 $share/ is followed by a name
4.8.2-2 the name has no / + #, and a filter follows
4.8.2-3 shared messages come with the granted QoS
4.8.2-4 a QoS 2 message that was begun is completed with the same client
4.8.2-5 if its session ends, nobody else gets it
4.8.2-6 a message that a member refuses goes to nobody else
4.9.0-1 the send quota begins with no more than the receive maximum
4.9.0-2 at 0 no PUBLISH above QoS 0 is sent
4.9.0-3 other packets are handled all the same
4.12.0-1 an unknown authentication method is refused
4.12.0-2 the server asks with AUTH 0x18
4.12.0-3 the client answers with AUTH 0x18
4.12.0-4 the server may refuse at any point, and closes
4.12.0-5 all AUTH and CONNACK name the method of CONNECT
4.12.0-6 without a method there is no AUTH from the server
4.12.0-7 nor from the client
4.12.1-1 a client authenticates again by the same method
4.12.1-2 if that fails, DISCONNECT says so
4.13.1-1 malformed packets and protocol errors close the connection
4.13.2-1 a reason code of 0x80 and above closes the connection
6.0.0-1 WebSocket: binary frames only
6.0.0-2 packets need not be aligned with frames
6.0.0-3 [c] a client offers the subprotocol mqtt
6.0.0-4 the server selects mqtt
`,
);

const THREE = parse(
  '3.1.1',
  `
1.5.3-1 strings are well-formed UTF-8, else the connection is closed
1.5.3-2 strings hold no U+0000, else the connection is closed
1.5.3-3 U+FEFF in a string is kept
2.2.2-1 reserved flags have the values listed
2.2.2-2 other flags close the connection
2.3.1-1 SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have an identifier that is not 0
2.3.1-2 [c] a client gives a new packet one that is not in use
2.3.1-3 [c] what a client sends again keeps its identifier
2.3.1-4 the same holds for the server's PUBLISH
2.3.1-5 a PUBLISH of QoS 0 has no packet identifier
2.3.1-6 acknowledgements carry the identifier of the PUBLISH
2.3.1-7 SUBACK and UNSUBACK carry the identifier of the request
3.1.0-1 the first packet is CONNECT
3.1.0-2 a second CONNECT is a violation
3.1.2-1 another protocol name is not treated as MQTT
3.1.2-2 another protocol level is answered with 0x01 and closed
3.1.2-3 the reserved connect flag is 0
3.1.2-4 without clean session the session goes on, and is kept
3.1.2-5 messages of QoS 1 and 2 are kept for it while its client is away
3.1.2-6 clean session begins anew and ends with the connection
3.1.2-7 retained messages outlive the session
3.1.2-8 the will is published when the connection ends, unless DISCONNECT came
3.1.2-9 will topic and message are there when the flag says so
3.1.2-10 a will is gone once published or after DISCONNECT
3.1.2-11 no will: its fields are zero and absent
3.1.2-12 no will: none is published
3.1.2-13 no will: will QoS is 0
3.1.2-14 will QoS is 0, 1 or 2
3.1.2-15 no will: will retain is 0
3.1.2-16 a will without retain is published without it
3.1.2-17 a will with retain is published retained
3.1.2-18 no user name without its flag
3.1.2-19 a user name with its flag
3.1.2-20 no password without its flag
3.1.2-21 a password with its flag
3.1.2-22 no password without a user name
3.1.2-23 [c] a client pings within its keep-alive
3.1.2-24 one and a half keep-alives without a packet end the connection
3.1.3-1 the fields of the payload come in order
3.1.3-2 the client id names the session
3.1.3-3 the client id is there and comes first
3.1.3-4 the client id is a UTF-8 string
3.1.3-5 ids of 1 to 23 letters and digits are allowed
3.1.3-6 a client without an id gets one of its own
3.1.3-7 [c] such a client asks for a clean session
3.1.3-8 if it does not, it gets 0x02 and is closed
3.1.3-9 a rejected id gets 0x02 and is closed
3.1.3-10 the will topic is a UTF-8 string
3.1.3-11 the user name is a UTF-8 string
3.1.4-1 a CONNECT of another form is closed without CONNACK
3.1.4-2 a client with the same id is disconnected
3.1.4-3 clean session is done as it says
3.1.4-4 CONNACK 0 answers a good CONNECT
3.1.4-5 nothing behind a rejected CONNECT is processed
3.2.0-1 the first packet of the server is CONNACK
3.2.2-1 clean session: session present is 0
3.2.2-2 a session that was there: session present is 1
3.2.2-3 no session that was there: session present is 0
3.2.2-4 session present is 0 in a refusal
3.2.2-5 a refusal closes the connection
3.2.2-6 where no return code fits, there is no CONNACK
3.3.1-1 DUP is 1 when a PUBLISH is sent again
3.3.1-2 DUP is 0 at QoS 0
3.3.1-3 DUP is not passed on
3.3.1-4 QoS 3 closes the connection
3.3.1-5 a message with RETAIN is kept with its QoS
3.3.1-6 a new subscription gets the last one of each topic
3.3.1-7 one of QoS 0 replaces the one before
3.3.1-8 RETAIN is 1 in what a new subscription gets
3.3.1-9 RETAIN is 0 in what an established one gets
3.3.1-10 an empty one removes what was kept
3.3.1-11 an empty one is not kept
3.3.1-12 without RETAIN nothing is kept or replaced
3.3.2-1 the topic name comes first and is a UTF-8 string
3.3.2-2 a topic name has no wildcards
3.3.2-3 what is sent matches the subscription
3.3.4-1 a PUBLISH is answered as its QoS says
3.3.5-1 overlapping subscriptions: the highest QoS counts
3.3.5-2 a PUBLISH that may not be is acknowledged or closes the connection
3.6.1-1 the flags of PUBREL are 0010
3.8.1-1 the flags of SUBSCRIBE are 0010
3.8.3-1 filters are UTF-8 strings
3.8.3-2 [n] a server without wildcards rejects them
3.8.3-3 there is one filter at least
3.8.3-4 reserved bits of the options are 0, and QoS is no 3
3.8.4-1 SUBSCRIBE is answered with SUBACK
3.8.4-2 of the same packet identifier
3.8.4-3 the same filter again replaces the subscription and sends what is retained
3.8.4-4 several filters are as several packets, with one answer
3.8.4-5 there is a return code for each: the granted QoS or the failure
3.8.4-6 messages come with the lower of both QoS
3.9.3-1 return codes are in the order of the filters
3.9.3-2 they are 0, 1, 2 or 0x80
3.10.1-1 the flags of UNSUBSCRIBE are 0010
3.10.3-1 filters are UTF-8 strings
3.10.3-2 there is one filter at least
3.10.4-1 filters are compared character by character
3.10.4-2 no new messages after it
3.10.4-3 what was begun is completed
3.10.4-4 UNSUBSCRIBE is answered with UNSUBACK of the same identifier
3.10.4-5 even if nothing was deleted
3.10.4-6 several filters are as several packets, with one answer
3.12.4-1 PINGREQ is answered with PINGRESP
3.14.1-1 the flags of DISCONNECT are 0
3.14.4-1 [c] a client closes after DISCONNECT
3.14.4-2 [c] and sends nothing more
3.14.4-3 DISCONNECT discards the will
4.1.0-1 the session's state is kept as long as the session
4.1.0-2 a session lasts as long as its connection at least
4.3.1-1 QoS 0: sent with QoS 0 and DUP 0
4.3.2-1 QoS 1, sender: unused identifier, DUP 0, unacknowledged until PUBACK
4.3.2-2 QoS 1, receiver: PUBACK when owned; the same identifier is a new message then
4.3.3-1 QoS 2, sender: unused identifier, PUBREL after PUBREC, never the PUBLISH again after that
4.3.3-2 QoS 2, receiver: PUBREC when owned, no duplicates until PUBREL, PUBCOMP
4.4.0-1 a resumed session sends what is unacknowledged again
4.5.0-1 a message goes to the session of every client that is subscribed
4.5.0-2 [c] a client acknowledges what it gets
4.6.0-1 what is sent again keeps its order
4.6.0-2 PUBACKs come in the order of the messages
4.6.0-3 PUBRECs come in the order of the messages
4.6.0-4 PUBRELs come in the order of the PUBRECs
4.6.0-5 every topic keeps its order
4.6.0-6 messages of one client to one topic and QoS come in their order
4.7.1-1 topic names hold no wildcards
4.7.1-2 # stands alone or after / and last
4.7.1-3 + takes a whole level
4.7.2-1 wildcards at the beginning do not match $ topics
4.7.3-1 names and filters have one character at least
4.7.3-2 and no U+0000
4.7.3-3 and no more than 65,535 bytes
4.7.3-4 nothing is normalised
4.8.0-1 a violation closes the connection
4.8.0-2 a passing error while a packet is processed closes the connection
6.0.0-1 WebSocket: binary frames only, others close the connection
6.0.0-2 packets need not be aligned with frames
6.0.0-3 [c] a client offers the subprotocol mqtt
6.0.0-4 the server selects mqtt
7.0.0-1 a server that connects to others conforms as a client too
7.0.0-2 nothing outside of the specification is needed to talk to it
7.1.1-1 there is an ordered, lossless transport
7.1.2-1 [c] for clients too
`,
);

export const STATEMENTS: readonly Statement[] = [...FIVE, ...THREE];
