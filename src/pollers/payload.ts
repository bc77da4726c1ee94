/** Joins records' JSON into an event. @param members  further members of the event: JSON text that begins with a comma */
export function encodeEvent(events: readonly string[], members = ''): Buffer {
  return Buffer.from(`{"Records":[${events.join(',')}]${members}}`);
}
