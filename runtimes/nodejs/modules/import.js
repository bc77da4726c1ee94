'use strict';
/**
 * `import()` for the runtime: in a file of its own, which stays out of `image.js`, since Node 20 forgets how to import for code that comes
 * from V8's code cache.
 */
module.exports = (url) => import(url);
