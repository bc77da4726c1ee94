/** Sources of what runs inside environments in these tests: runtimes and extensions in shell and Node. */

/** A runtime in POSIX shell and curl, as Lambda's own tutorial has it. It answers errors, streams and exits on demand. */
export const SHELL_RUNTIME = `#!/bin/sh
set -u
echo "runtime in shell begins"
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
headers=$(mktemp)
while true; do
  event=$(curl -sS -D "$headers" "$api/invocation/next")
  id=$(grep -i '^lambda-runtime-aws-request-id:' "$headers" | tr -d '\\r' | cut -d' ' -f2)
  case "$event" in
    *fail*)
      curl -sS -X POST -H 'Lambda-Runtime-Function-Error-Type: Shell.Failed' \\
        -d '{"errorType":"Shell.Failed","errorMessage":"asked for"}' "$api/invocation/$id/error" ;;
    *stream*)
      { printf 'one '; sleep 0.05; printf 'two'; } | curl -sS -X POST -T - -H 'Transfer-Encoding: chunked' \\
        -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Content-Type: text/plain' "$api/invocation/$id/response" ;;
    *exit*) exit 9 ;;
    *hang*) sleep 60 ;;
    *headers*) curl -sS -X POST --data-binary @"$headers" "$api/invocation/$id/response" ;;
    *where*) curl -sS -X POST -d "\\"$PWD $_HANDLER $AWS_LAMBDA_FUNCTION_NAME $MINE $(ls -l /proc/self/fd | grep socket | grep -vc ' [012] ->')\\"" "$api/invocation/$id/response" ;;
    *) curl -sS -X POST -d "$event" "$api/invocation/$id/response" ;;
  esac >/dev/null
done
`;

/** A runtime that says in its init that it cannot start. */
export const FAILING_RUNTIME = `#!/bin/sh
curl -sS -X POST -H 'Lambda-Runtime-Function-Error-Type: Runtime.NoConfiguration' \\
  -d '{"errorType":"Runtime.NoConfiguration","errorMessage":"no configuration"}' \\
  "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error"
exit 1
`;

/**
 * An external extension in Node. It does what the function's variable EXTENSION says, JSON: `events`; `telemetry`, the body of a
 * subscription, PORT in it being where it listens; `logs`, of the older API; `reports`, how many it hears before it ends; `afterMs`, how
 * long it works on an invocation; `crash` and `giveUp` at `init`, `invoke`; `deaf`, it does not end.
 * What it hears it writes out, one `name: JSON` a line; but not that it has done so, which it hears as well.
 */
export const EXTENSION = `#!${process.execPath}
const http = require('node:http');
const name = require('node:path').basename(__filename);
const { events = ['INVOKE', 'SHUTDOWN'], telemetry, logs, reports = 0, afterMs = 0, crash, giveUp, deaf } = JSON.parse(process.env.EXTENSION ?? '{}');
const say = (what) => console.log(name + ': ' + JSON.stringify(what));
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API;
async function call(method, path, headers, body) {
  const response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}
const told = Promise.withResolvers();
let reported = 0;
function hear(event) {
  if (event.type === 'extension' && event.record.startsWith(name + ' heard ')) return;
  console.log(name + ' heard ' + JSON.stringify(event));
  if (event.type === 'platform.report') reported++;
  if (reported >= reports) told.resolve();
}
async function listen(protocol) {
  const server = protocol === 'TCP'
    ? require('node:net').createServer((socket) => {
        require('node:readline').createInterface({ input: socket }).on('line', (line) => hear(JSON.parse(line)));
      })
    : http.createServer((request, response) => {
        let text = '';
        request.on('data', (chunk) => (text += chunk));
        request.on('end', () => {
          JSON.parse(text).forEach(hear);
          response.end();
        });
      });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}
async function main() {
  const registered = await call('POST', '/2020-01-01/extension/register',
    { 'Lambda-Extension-Name': name, 'Lambda-Extension-Accept-Feature': 'accountId' }, { events });
  say({ registered: registered.body, variables: Object.keys(process.env).filter((each) => /^(_HANDLER|LAMBDA_TASK_ROOT|AWS_LAMBDA_FUNCTION_NAME|AWS_ACCESS_KEY_ID|AWS_EXECUTION_ENV)$/.test(each)).sort(), cwd: process.cwd() });
  const id = { 'Lambda-Extension-Identifier': registered.headers.get('lambda-extension-identifier') };
  const gaveUp = (when) => call('POST', '/2020-01-01/extension/' + (when === 'init' ? 'init' : 'exit') + '/error',
    { ...id, 'Lambda-Extension-Function-Error-Type': 'Extension.NoKey' }, { errorMessage: 'no key', errorType: 'X', stackTrace: [] });
  if (telemetry || logs) {
    const port = await listen((telemetry ?? logs).destination.protocol);
    const wanted = JSON.stringify(telemetry ?? logs).replace('"PORT"', port).replace('PORT', port);
    const path = telemetry ? '/2022-07-01/telemetry' : '/2020-08-15/logs';
    say({ subscribed: (await call('PUT', path, id, JSON.parse(wanted))).body });
  }
  if (crash === 'init') process.exit(5);
  if (giveUp === 'init') say(await gaveUp('init'));
  for (;;) {
    const { body, headers } = await call('GET', '/2020-01-01/extension/event/next', id);
    say({ ...body, identified: headers.get('lambda-extension-event-identifier')?.length });
    if (body.eventType === 'SHUTDOWN' && deaf) await new Promise(() => setInterval(() => {}, 1000));
    if (body.eventType === 'SHUTDOWN') {
      if (reports > 0) await told.promise;
      process.exit(0);
    }
    if (crash === 'invoke') process.exit(6);
    if (giveUp === 'invoke') await gaveUp('invoke');
    if (afterMs) await new Promise((resolve) => setTimeout(resolve, afterMs));
  }
}
main();
`;

/** A runtime in Node without any client library, with an internal extension where INTERNAL lists its events. */
export const NODE_RUNTIME = `#!${process.execPath}
const say = (text) => console.log(text);
process.on('SIGTERM', () => { say('ends'); process.exit(0); });
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API;
async function extend(events) {
  const registered = await fetch(api + '/2020-01-01/extension/register', {
    method: 'POST', headers: { 'Lambda-Extension-Name': 'inner' }, body: JSON.stringify({ events }) });
  if (registered.status !== 200) return say(registered.status + ' ' + (await registered.text()));
  await registered.text();
  const headers = { 'Lambda-Extension-Identifier': registered.headers.get('lambda-extension-identifier') };
  void (async () => {
    for (;;) {
      const event = await (await fetch(api + '/2020-01-01/extension/event/next', { headers })).json();
      say('inner was told of ' + event.requestId);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
}
async function main() {
  if (process.env.INTERNAL) await extend(JSON.parse(process.env.INTERNAL));
  for (;;) {
    const next = await fetch(api + '/2018-06-01/runtime/invocation/next');
    const event = await next.text();
    const id = next.headers.get('lambda-runtime-aws-request-id');
    await (await fetch(api + '/2018-06-01/runtime/invocation/' + id + '/response', { method: 'POST', body: event })).text();
  }
}
main();
`;
