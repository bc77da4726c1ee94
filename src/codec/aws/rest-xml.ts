import { xmlEvents } from './event-writer.ts';
import { type AnswerParts, structureAt, type WireFailure } from './protocol.ts';
import { type Read, ReaderSet } from './reader.ts';
import { isUnbound, isUnboundInAnswer, type RestBodies } from './rest.ts';
import type { MemberRow, ServiceTable } from './shape.ts';
import type { Trail } from './trail.ts';
import { escapeXml, parseXml } from './xml.ts';
import { xmlTree } from './xml-reader.ts';
import { namespaceAttribute, xmlContent, xmlElement } from './xml-writer.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Bodies of restXml, which S3 alone speaks: constraints are its own business, it words each error differently. */
export class XmlBodies implements RestBodies {
  readonly name = 'restXml';
  readonly contentType = 'application/xml';
  readonly checked = false;
  readonly events;
  readonly #table: ServiceTable;
  readonly #readers: ReaderSet;
  readonly #parts = new Map<number, Read>();
  readonly #namespace: string;

  constructor(table: ServiceTable) {
    this.#table = table;
    this.#readers = new ReaderSet(table, 'text', false);
    this.#namespace = table.xmlNamespace === undefined ? '' : namespaceAttribute([table.xmlNamespace]);
    this.events = xmlEvents(table);
  }

  readMembers(index: number, body: Uint8Array, trail: Trail): Record<string, unknown> {
    if (body.length === 0) return {};
    const read = this.#parts.get(index) ?? this.#readers.partReader(index, isUnbound);
    this.#parts.set(index, read);
    return read(this.#tree(index, body), trail) as Record<string, unknown>;
  }

  readPayload([, index]: MemberRow, body: Uint8Array, trail: Trail): unknown {
    return this.#readers.reader(index)(this.#tree(index, body), trail);
  }

  writeMembers(index: number, output: Record<string, unknown>): string {
    const shape = structureAt(this.#table, index);
    // The one output without an element of its own around it (s3UnwrappedXmlOutput).
    if (shape.name === 'GetBucketLocationOutput') {
      const location = escapeXml(String(output.LocationConstraint ?? ''));
      return `${DECLARATION}<LocationConstraint${this.#namespace}>${location}</LocationConstraint>`;
    }
    const name = shape.xmlName ?? shape.name;
    return `${DECLARATION}<${name}${this.#namespace}>${xmlContent(this.#table, index, output, isUnboundInAnswer)}</${name}>`;
  }

  writePayload([name, index, traits]: MemberRow, value: unknown): string {
    const shape = this.#table.shapes[index]!;
    const element = traits?.xmlName ?? (shape.type === 'structure' ? (shape.xmlName ?? shape.name) : name);
    return DECLARATION + xmlElement(this.#table, index, element, value, this.#namespace);
  }

  writeFailure(failure: WireFailure, requestId: string): AnswerParts {
    const fields = Object.entries(failure.fields ?? {})
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`);
    const body =
      `${DECLARATION}<Error><Code>${escapeXml(failure.type)}</Code><Message>${escapeXml(failure.message)}</Message>` +
      `${fields.join('')}<RequestId>${requestId}</RequestId><HostId>${requestId}</HostId></Error>`;
    const headers = { 'content-type': this.contentType, ...failure.headers };
    return { status: failure.status, headers, body: failure.status === 304 ? '' : body };
  }

  #tree(index: number, body: Uint8Array): unknown {
    return xmlTree(this.#table, index, parseXml(Buffer.from(body).toString('utf8')));
  }
}
