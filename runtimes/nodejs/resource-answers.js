'use strict';
/**
 * Where custom resources answer. On AWS the URL of answers is S3's, and the functions that CDK, osls and AWS's own module bring take only
 * its host and path and speak HTTPS to port 443. Here it is the node's, on loopback and by HTTP: such a request goes to where the
 * URL says. Nothing is touched before a request for a custom resource comes.
 */
const HTTPS_PORT = 443;
/** Whoever invokes a function chooses its event: no other address may send its requests off without TLS. */
const ANSWERS = /^http:\/\/[^/?#]+\/_millrace\/cloudformation\/answers\//;

/** The URL of the request that came last. */
let answersAt;
let installed = false;

/** @param event  what the function is called with */
function noteAnswers(event) {
  const url = event?.ResponseURL;
  if (typeof url !== 'string' || !ANSWERS.test(url) || !URL.canParse(url)) return;
  answersAt = new URL(url);
  if (installed) return;
  installed = true;
  install();
}

function install() {
  const http = require('node:http');
  const https = require('node:https');
  for (const name of ['request', 'get']) {
    const original = https[name];
    https[name] = function (target, ...rest) {
      return isAnswer(target) ? http[name](redirected(target), ...rest) : original.call(this, target, ...rest);
    };
  }
  // For modules of ES that import `request` by its name.
  require('node:module').syncBuiltinESMExports();
}

/** Whether it is the URL of answers, but for the protocol and the port. */
function isAnswer(target) {
  if (typeof target === 'string') return target === answersAt.href;
  if (target instanceof URL) return target.href === answersAt.href;
  const { hostname, host, port, path } = target ?? {};
  const isDefault = port === undefined || port === null || Number(port) === HTTPS_PORT;
  return isDefault && (hostname ?? host) === answersAt.hostname && path === answersAt.pathname + answersAt.search;
}

function redirected(target) {
  if (typeof target === 'string' || target instanceof URL) return target;
  // The agent is one of HTTPS, if there is any.
  return { ...target, protocol: 'http:', port: answersAt.port, agent: undefined };
}

module.exports = { noteAnswers };
