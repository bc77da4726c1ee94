/** Numbers of the wire (S5). */
export const WIRE_LIMITS = {
  /** Largest body that is held in memory, by service: base64 makes AWS's own limits a third larger. */
  bodyBytesMax: 16 * 1024 * 1024,
  bodyBytesMaxByService: {
    /** Zip files of 50 MiB in base64, as Lambda's own message has it. */
    lambda: 69_905_067,
    apigateway: 6 * 1024 * 1024,
    apigatewayv2: 6 * 1024 * 1024,
    iam: 1024 * 1024,
    sts: 1024 * 1024,
    /** Requests in XML; objects are streamed and have no limit here. */
    s3: 4 * 1024 * 1024,
  } as Readonly<Record<string, number>>,
  /** Of calls that nobody signs. */
  unsignedBodyBytesMax: 64 * 1024,
  /** Bodies held at the same time, all connections together; beyond it requests get 503 `ServiceUnavailable`. */
  bufferedBytesMax: 512 * 1024 * 1024,
  connectionsMax: 20_000,
  /** Streams of one HTTP/2 connection. */
  streamsPerConnectionMax: 1000,
  /** Request line and headers. */
  headerBytesMax: 64 * 1024,
  /** A connection that sends nothing at all is closed after this. */
  firstByteTimeoutMs: 30_000,
  headersTimeoutMs: 60_000,
  /** Largest body of a request that is read without Node's HTTP server. */
  laneBodyBytesMax: 1024 * 1024,
  /** The same of a `PUT`, whose body is an object more often than not, and passes. */
  lanePutBytesMax: 999_999_999,
  /** Bodies of a `PUT` up to here are held as others are. */
  laneHeldPutBytesMax: 64 * 1024,
  /** How long, at most, what comes is thrown away behind an answer before the end of a body, so that its client can read that. */
  laneLingerMs: 30_000,
  /** How often connections on the fast lane are looked at: their times are exact to that. */
  laneTickMs: 5_000,
  /** The slowest upload that is waited for. */
  requestTimeoutMs: 60 * 60_000,
  /** Longer than the 60 s after which clients drop idle connections, so that they are the ones who close. */
  keepAliveTimeoutMs: 75_000,
  /** How long `close` waits for requests in flight, unless told otherwise. */
  drainMs: 10_000,
} as const;
