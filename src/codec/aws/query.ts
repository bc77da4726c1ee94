import { formTree, parseForm } from './form.ts';
import {
  type AnswerParts,
  errorShapes,
  failureMembers,
  faultOf,
  type Protocol,
  type RequestParts,
  type WireFailure,
} from './protocol.ts';
import { readWhole } from './read-input.ts';
import { ReaderSet } from './reader.ts';
import type { ServiceTable } from './shape.ts';
import { escapeXml } from './xml.ts';
import { namespaceAttribute, xmlContent } from './xml-writer.ts';

/** awsQuery: a form with `Action` and `Version` in, XML out. */
export class Query implements Protocol {
  readonly name = 'awsQuery';
  readonly #table: ServiceTable;
  readonly #readers: ReaderSet;
  readonly #errors: ReturnType<typeof errorShapes>;
  readonly #namespace: string;

  constructor(table: ServiceTable) {
    this.#table = table;
    this.#readers = new ReaderSet(table, 'text');
    this.#errors = errorShapes(table);
    const uri = table.xmlNamespace ?? `http://queue.amazonaws.com/doc/${table.apiVersion}/`;
    this.#namespace = namespaceAttribute([uri]);
  }

  read(operation: string, request: RequestParts): unknown {
    const { input } = this.#table.operations[operation]!;
    const text = Buffer.from(request.body as Uint8Array).toString('utf8');
    const fields = parseForm(text === '' ? request.query : text);
    return readWhole(
      this.#readers.reader(input),
      formTree(this.#table, input, withQueueUrl(this.#table, fields, request.path)),
    );
  }

  write(operation: string, output: any, requestId: string): AnswerParts {
    const row = this.#table.operations[operation]!;
    const content = row.output === 0 ? '' : xmlContent(this.#table, row.output, output ?? {});
    const result = row.output === 0 ? '' : `<${operation}Result>${content}</${operation}Result>`;
    const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
    const body = `<${operation}Response${this.#namespace}>${result}${metadata}</${operation}Response>`;
    return { status: 200, headers: { 'content-type': 'text/xml' }, body };
  }

  writeFailure(failure: WireFailure, requestId: string): AnswerParts {
    const shape = this.#errors.get(failure.type);
    const code = shape?.error.queryCode ?? failure.type;
    const members = shape
      ? xmlContent(this.#table, shape.index, { ...failureMembers(failure), message: undefined, Message: undefined })
      : '';
    const error =
      `<Error><Type>${faultOf(failure.status)}</Type><Code>${escapeXml(code)}</Code>` +
      `<Message>${escapeXml(failure.message)}</Message>${members}</Error>`;
    const body = `<ErrorResponse${this.#namespace}>${error}<RequestId>${requestId}</RequestId></ErrorResponse>`;
    return { status: failure.status, headers: { 'content-type': 'text/xml' }, body };
  }
}

/** Older clients of SQS post to the queue's URL and leave its name out of the form. */
function withQueueUrl(table: ServiceTable, fields: Map<string, string>, path: string): Map<string, string> {
  if (table.name === 'sqs' && path.length > 1 && !fields.has('QueueUrl')) fields.set('QueueUrl', path);
  return fields;
}
