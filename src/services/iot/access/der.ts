/** Reads DER: one element after another. Every bound is checked; what is cut off or odd throws. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
}

/** Elements of a constructed one, or of a whole file. @throws RangeError  not DER */
export function derElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = byteAt(bytes, at);
    // Tags of several bytes are in no certificate.
    if ((tag & 0x1f) === 0x1f) throw new RangeError('a DER tag of several bytes');
    const [length, header] = lengthAt(bytes, at + 1);
    const start = at + 1 + header;
    const end = start + length;
    if (end > bytes.length) throw new RangeError('DER is cut off');
    elements.push({ tag, content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

/** The text of a string element of any kind that names have; `undefined` for another element. */
export function derText({ tag, content }: DerElement): string | undefined {
  switch (tag) {
    case 0x0c: // UTF8String
      return content.toString('utf8');
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x14: // TeletexString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      return content.toString('latin1');
    case 0x1e: // BMPString
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined;
    default:
      return undefined;
  }
}

function lengthAt(bytes: Buffer, at: number): readonly [length: number, header: number] {
  const first = byteAt(bytes, at);
  if (first < 0x80) return [first, 1];
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw new RangeError('a DER length without bound');
  let length = 0;
  for (let index = 1; index <= count; index++) length = length * 256 + byteAt(bytes, at + index);
  return [length, count + 1];
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError('DER is cut off');
  return byte;
}
