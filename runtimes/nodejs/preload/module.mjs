/** Loaded once by every blank environment, to take the ES module loader through its first use. */
export {};
