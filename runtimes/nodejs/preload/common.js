'use strict';
/** Loaded once by every blank environment, to take the CommonJS loader through its first use. */
exports.handler = async (event, context) => ({ event, left: context.getRemainingTimeInMillis() });
