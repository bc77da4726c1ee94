/** sealed: how a secret stands on disk. Bytes in, bytes out; who holds the keys is for others to know. */
export {
  keyIdOf,
  openEnvelope,
  SEAL_KEY_BYTES,
  SEAL_KEY_ID_BYTES,
  type SealErrorCode,
  type SealKey,
  seal,
} from './envelope.ts';
