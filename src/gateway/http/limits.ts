/** Numbers of function URLs (S5). */
export const HTTP_LIMITS = {
  /** Body of a request, and the event that is made of it (AWS: 6 MB). */
  requestBytesMax: 6 * 1024 * 1024,
  /** Bodies held at the same time, all requests together; beyond it requests get 503. */
  bufferedBytesMax: 256 * 1024 * 1024,
  /** Status, headers and cookies in front of a streamed response: clients take no more, and it is searched with every piece. */
  preludeBytesMax: 64 * 1024,
} as const;
