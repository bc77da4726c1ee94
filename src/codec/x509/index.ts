/** codec/x509: certificates and requests for them, written and read. What Node reads by itself (X509Certificate) is left to it. */
export { type CertificateContent, extension, makeCertificate, readNames } from './certificate.ts';
export { DerError, DerReader, TAG } from './der.ts';
export { decodeName, encodeName, type NameAttribute } from './name.ts';
export { decodePem, encodePem } from './pem.ts';
export { type CertificateRequest, makeRequest, readRequest } from './request.ts';
export { isSoundlySigned, readSigned } from './signature.ts';
