/** @param label  `CERTIFICATE`, `CERTIFICATE REQUEST` */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The blocks of a PEM text that have one of the labels, DER each; text around them is passed over. Empty where there is none. */
export function decodePem(text: string, ...labels: readonly string[]): readonly Buffer[] {
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)]
    .filter(([, label]) => labels.includes(label!))
    .map(([, , body]) => Buffer.from(body!, 'base64'));
}
