/** AWS's protocols: requests to inputs, outputs to answers, by the shapes of a service's table. */

export { headerValue } from './bindings.ts';
export { encodeStrictly } from './canonical.ts';
export { decodeCbor, encodeCbor } from './cbor.ts';
export { ChunkedDecoder, type ChunkSigner } from './chunked.ts';
export { type EventHeaderValue, type EventMessage, EventStreamDecoder, encodeEvent } from './event-stream.ts';
export { ReadFailure } from './failure.ts';
export { parseForm } from './form.ts';
export { compilePattern } from './pattern.ts';
export type { AnswerParts, Protocol, RequestParts, WireFailure } from './protocol.ts';
export { RawJson } from './raw-json.ts';
export type { RouteMatch } from './router.ts';
export { failureOfReading, ServiceCodec } from './service-codec.ts';
export type { AwsProtocol, Constraints, OperationRow, ServiceTable, Shape, StructureShape } from './shape.ts';
export { type SigningKeys, sign, type UnsignedRequest } from './sign.ts';
export { parseVersion2Claim, verifyVersion2 } from './sigv2.ts';
export {
  checkSpelling,
  parseClaim,
  type SignatureClaim,
  SignatureFailure,
  type SignatureProblem,
  SignatureVerifier,
  STREAMING_PREFIX,
  UNSIGNED_PAYLOAD,
} from './sigv4.ts';
