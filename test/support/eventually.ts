/** Asks again until `ready` holds. @returns the answer for which it does */
export async function eventually<T>(ask: () => Promise<T>, ready: (answer: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 5_000; tries++) {
    const answer = await ask();
    if (ready(answer)) return answer;
  }
  throw new Error('it did not become so');
}
