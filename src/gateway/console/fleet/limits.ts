/** Numbers of the fleet's API (S5). */
export const FLEET_LIMITS = {
  /** Devices of one answer, unless a request asks for others. */
  listDefault: 100,
  listMax: 1_000,
  /** The list of all devices is made anew when it is so old, and asked for. */
  listAgeMsMax: 1_000,
  /** A device is restless after so many connections that followed one another quickly... */
  restlessStreakMin: 4,
  /** ...for as long after the last of them. */
  restlessForMs: 10 * 60 * 1000,
  /** Bytes of a request's body. */
  bodyBytesMax: 4_096,
} as const;
