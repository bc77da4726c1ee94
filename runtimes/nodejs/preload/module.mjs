/** Loaded once by every blank environment, to take the ES module loader through its first use. */
export const handler = async (event, context) => ({ event, left: context.getRemainingTimeInMillis() });
