/* What the wire itself tells clients, in the words that each protocol has for it. */
import type { AwsProtocol, SignatureProblem, WireFailure } from '../codec/aws/index.ts';

/** Families of protocols that name the same trouble alike. */
type Family = 'json' | 'query' | 'xml';

function familyOf(protocol: AwsProtocol): Family {
  if (protocol === 'awsQuery') return 'query';
  return protocol === 'restXml' ? 'xml' : 'json';
}

/** - `missing`: no credentials; - `unknown-key`, `token`, `expired-token`: they are nobody's, or no longer good;
 *  - the rest as {@link SignatureProblem} has it. */
export type AuthenticationProblem = SignatureProblem | 'missing' | 'unknown-key' | 'token' | 'expired-token';

const TYPES = {
  missing: { json: 'MissingAuthenticationTokenException', query: 'MissingAuthenticationToken', xml: 'AccessDenied' },
  incomplete: {
    json: 'IncompleteSignatureException',
    query: 'IncompleteSignature',
    xml: 'AuthorizationHeaderMalformed',
  },
  mismatch: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'SignatureDoesNotMatch' },
  skewed: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'RequestTimeTooSkewed' },
  expired: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'AccessDenied' },
  'unsigned-headers': { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'AccessDenied' },
  payload: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'XAmzContentSHA256Mismatch' },
  body: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', xml: 'IncompleteBody' },
  'unknown-key': { json: 'UnrecognizedClientException', query: 'InvalidClientTokenId', xml: 'InvalidAccessKeyId' },
  token: { json: 'UnrecognizedClientException', query: 'InvalidClientTokenId', xml: 'InvalidToken' },
  'expired-token': { json: 'ExpiredTokenException', query: 'ExpiredToken', xml: 'ExpiredToken' },
} satisfies Record<AuthenticationProblem, Record<Family, string>>;

export function authenticationFailure(
  problem: AuthenticationProblem,
  message: string,
  protocol: AwsProtocol,
): WireFailure {
  const family = familyOf(protocol);
  return { type: TYPES[problem][family], status: statusOf(problem, protocol), message };
}

/** The JSON protocols answer 400 to everything that is the caller's fault; S3 does to what cannot be read. */
function statusOf(problem: AuthenticationProblem, protocol: AwsProtocol): number {
  if (protocol.startsWith('awsJson')) return 400;
  const unreadable =
    problem === 'incomplete' || problem === 'payload' || problem === 'body' || problem === 'expired-token';
  return protocol === 'restXml' && unreadable ? 400 : 403;
}

/** Services that have words of their own for it. */
const DENIED: Readonly<Record<string, string>> = { sns: 'AuthorizationErrorException', iotdata: 'ForbiddenException' };

export function accessDenied(message: string, protocol: AwsProtocol, service: string): WireFailure {
  const type = DENIED[service] ?? (familyOf(protocol) === 'json' ? 'AccessDeniedException' : 'AccessDenied');
  return { type, status: protocol.startsWith('awsJson') ? 400 : 403, message };
}

/** An operation that AWS has and this node does not. */
export function notImplemented(service: string, operation: string): WireFailure {
  return { type: 'NotImplemented', status: 501, message: `${service} ${operation} is not implemented by Millrace.` };
}

/** An operation that AWS does not have either. */
export function unknownOperation(protocol: AwsProtocol, operation: string | undefined, version: string): WireFailure {
  switch (familyOf(protocol)) {
    case 'query':
      return operation === undefined
        ? { type: 'MissingAction', status: 400, message: 'The request must contain the parameter Action.' }
        : {
            type: 'InvalidAction',
            status: 400,
            message: `Could not find operation ${operation} for version ${version}`,
          };
    case 'xml':
      return {
        type: 'MethodNotAllowed',
        status: 405,
        message: 'The specified method is not allowed against this resource.',
      };
    default:
      return {
        type: 'UnknownOperationException',
        status: protocol === 'restJson1' ? 404 : 400,
        message: 'The requested operation is not recognized by the service.',
      };
  }
}

const INTERNAL_MESSAGE = 'The request processing has failed because of an unknown error, exception or failure.';

/** What a client is told of an error that is ours; the log has the rest, under the request id. */
export function internalFailure(service: string): WireFailure {
  const types: Readonly<Record<string, string>> = {
    s3: 'InternalError',
    lambda: 'ServiceException',
    dynamodb: 'InternalServerError',
  };
  return { type: types[service] ?? 'InternalFailure', status: 500, message: INTERNAL_MESSAGE };
}

export function tooLarge(message: string, protocol: AwsProtocol): WireFailure {
  if (protocol === 'restXml') return { type: 'EntityTooLarge', status: 400, message };
  return {
    type: protocol === 'restJson1' ? 'RequestEntityTooLargeException' : 'RequestEntityTooLarge',
    status: 413,
    message,
  };
}

export function unavailable(message: string): WireFailure {
  return { type: 'ServiceUnavailable', status: 503, message };
}
