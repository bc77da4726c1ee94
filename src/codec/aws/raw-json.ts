/**
 * JSON that is written as it is where an output has a structure, a map or a list: what is stored as JSON already is neither parsed
 * nor written anew. Whoever makes one vouches for the text, which no model is held against. JSON protocols only.
 */
export class RawJson {
  /** One whole JSON value. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
