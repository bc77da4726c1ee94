/** Numbers of what is sealed at rest (S5). */
export const SEALING_LIMITS = {
  /** Keys of one key file: more than two mean that rotations were cut off again and again. */
  keysMax: 16,
  /** Bytes of a key file. */
  keyFileBytesMax: 64 * 1024,
  /** Records that a rotation seals again in one transaction. */
  resealBatchMax: 256,
  /** Characters of a passphrase, at the least. */
  passphraseCharactersMin: 12,
  /** scrypt: 2 to the power of it is the cost of one guess, some 0.3 s and 128 MB. */
  scryptCostBits: 17,
  scryptBlockSize: 8,
} as const;
