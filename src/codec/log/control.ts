/** What the log writes about itself, between the records: which partitions there are and where they begin. */
export type ControlEntry =
  | { readonly kind: 'create'; readonly id: number; readonly name: string }
  | { readonly kind: 'drop'; readonly id: number }
  | { readonly kind: 'trim'; readonly id: number; readonly before: number }
  /** Opens a snapshot: all that is known is forgotten first. */
  | { readonly kind: 'snapshot'; readonly nextId: number }
  | {
      readonly kind: 'partition';
      readonly id: number;
      readonly name: string;
      readonly first: number;
      readonly next: number;
      /** Offset from which records are lost to damage; no writes are taken (S2). */
      readonly damagedAt?: number;
    };

/** JSON, because these entries are rare and want to be read by people. */
export function encodeControl(entry: ControlEntry): Buffer {
  return Buffer.from(JSON.stringify(entry));
}

/** The bytes have passed their block's checksum, so they are what {@link encodeControl} made. */
export function decodeControl(bytes: Buffer): ControlEntry {
  return JSON.parse(bytes.toString()) as ControlEntry;
}
