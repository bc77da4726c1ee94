import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { tagged } from './der.ts';
import {
  DerError,
  DerReader,
  decodeName,
  encodeName,
  extension,
  isSoundlySigned,
  makeCertificate,
  makeRequest,
  readNames,
  readRequest,
  readSigned,
  TAG,
} from './index.ts';

const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SUBJECT = encodeName(['O', 'Pumps'], ['CN', 'pump-1']);

async function certificate({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }) {
  const issuer = encodeName(['CN', 'authority']);
  const content = { subject: SUBJECT, issuer, serialNumber: Buffer.of(1, 2), notBefore: 0, notAfter: 2e12, publicKey };
  const extensions = [
    extension.noAuthority,
    extension.alternativeNames(['a.example']),
    extension.subjectKey(publicKey),
  ];
  return makeCertificate({ ...content, extensions }, privateKey);
}

const REQUEST = await makeRequest(SUBJECT, KEYS.publicKey, KEYS.privateKey);
const CERTIFICATE = await certificate(KEYS);

/** All that is read of a certificate without its key. */
function readCertificate(der: Uint8Array): void {
  const { subject, issuer } = readNames(der);
  decodeName(subject);
  decodeName(issuer);
  isSoundlySigned(readSigned(der));
}

/** What a reader makes of bytes: whether it takes them, or refuses them as it says; anything else fails the test. */
function takes(read: (der: Uint8Array) => unknown, der: Uint8Array): boolean {
  try {
    read(der);
    return true;
  } catch (error) {
    assert.ok(error instanceof DerError, `${Buffer.from(der).toString('hex')}: ${error}`);
    return false;
  }
}

test('what is cut at any byte, or has one byte more, is refused', () => {
  for (const [read, whole] of [
    [readRequest, REQUEST],
    [readCertificate, CERTIFICATE],
  ] as const) {
    assert.ok(takes(read, whole));
    for (let length = 0; length < whole.length; length++) {
      assert.equal(takes(read, whole.subarray(0, length)), false, `cut at ${length}`);
    }
    assert.equal(takes(read, Buffer.concat([whole, Buffer.of(0)])), false);
  }
});

test('a request that differs by any bit is refused: nothing of it stands outside of its signature', () => {
  for (let at = 0; at < REQUEST.length; at++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      const changed = Buffer.from(REQUEST);
      changed[at]! ^= bit;
      assert.equal(takes(readRequest, changed), false, `bit ${bit} of byte ${at}`);
    }
  }
});

/** A document with bytes changed, taken away, put in or said twice. */
function mutated(original: Buffer) {
  const place = fc.nat({ max: original.length - 1 });
  const change = fc.oneof(
    fc.tuple(fc.constant('set' as const), place, fc.uint8Array({ minLength: 1, maxLength: 4 })),
    fc.tuple(fc.constant('insert' as const), place, fc.uint8Array({ minLength: 1, maxLength: 4 })),
    fc.tuple(fc.constant('remove' as const), place, fc.uint8Array({ minLength: 1, maxLength: 32 })),
    fc.tuple(fc.constant('double' as const), place, fc.uint8Array({ minLength: 1, maxLength: 32 })),
  );
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    let der = original;
    for (const [how, at, bytes] of changes) {
      const [head, end] = [der.subarray(0, at), at + bytes.length];
      if (how === 'set') der = Buffer.concat([head, bytes, der.subarray(end)]);
      if (how === 'insert') der = Buffer.concat([head, bytes, der.subarray(at)]);
      if (how === 'remove') der = Buffer.concat([head, der.subarray(end)]);
      if (how === 'double') der = Buffer.concat([head, der.subarray(at, end), der.subarray(at)]);
    }
    return der;
  });
}

test('whatever is made of a certificate or a request is taken or refused as not DER, and nothing else', () => {
  for (const [read, whole] of [
    [readRequest, REQUEST],
    [readCertificate, CERTIFICATE],
  ] as const) {
    const property = fc.property(mutated(whole), (der) => void takes(read, der));
    fc.assert(property, { seed: 4, numRuns: 5_000 });
  }
});

type Tree = { readonly tag: number; readonly content: Buffer | readonly Tree[] };

const PLAIN = { noNullPrototype: true };

const TREES = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium' },
    fc.record(
      {
        tag: fc.constantFrom<number>(TAG.octetString, TAG.utf8, 0x80, 0x82),
        content: fc.oneof(fc.string({ maxLength: 300 }), fc.string({ maxLength: 5 })).map((text) => Buffer.from(text)),
      },
      PLAIN,
    ),
    fc.record(
      {
        tag: fc.constantFrom<number>(TAG.sequence, TAG.set, 0xa0, 0xa3),
        content: fc.array(tie('tree'), { maxLength: 4 }),
      },
      PLAIN,
    ),
  ),
})).tree;

function encode({ tag, content }: Tree): Buffer {
  return Buffer.isBuffer(content) ? tagged(tag, content) : tagged(tag, ...(content as readonly Tree[]).map(encode));
}

function decode(reader: DerReader): Tree {
  const { tag, content } = reader.next();
  if ((tag & 0x20) === 0) return { tag, content };
  const inner = new DerReader(content);
  const members: Tree[] = [];
  while (!inner.isAtEnd) members.push(decode(inner));
  return { tag, content: members };
}

test('values in values are read as they were written, and asn1js takes them', () => {
  const property = fc.property(TREES, (tree) => {
    const der = encode(tree);
    const reader = new DerReader(der);
    assert.deepEqual(decode(reader), tree);
    reader.end();
    assert.equal(asn1js.fromBER(der).offset, der.length);
  });
  fc.assert(property, { seed: 5, numRuns: 1_000 });
});

test('of bytes of chance, what is taken is written in the one way that DER has', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    takes(() => {
      const reader = new DerReader(bytes);
      const tree = decode(reader);
      reader.end();
      assert.deepEqual(encode(tree), Buffer.from(bytes));
    }, bytes);
  });
  fc.assert(property, { seed: 6, numRuns: 20_000 });
});

test('a length that is indefinite, longer than it must be or larger than 16 MiB is refused', () => {
  for (const hex of ['30800000', '30810100', '3082000100', '3084010000000000', '30ff', '308180', '3f810000', '']) {
    assert.equal(
      takes((der) => new DerReader(der).next(), Buffer.from(hex, 'hex')),
      false,
      hex,
    );
  }
});
