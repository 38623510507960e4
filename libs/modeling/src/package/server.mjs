// Serves one model over HTTP, with nothing but Node. GET /health, /version, /metrics; POST /predict {"rows": [...]},
// rows in order of time, answered with one prediction a row. `--once` answers standard input instead, and ends.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { inputProblems, predict, transform } from './inference.js';

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const PROBLEMS_SHOWN_MAX = 20;

const load = async (name) => JSON.parse(await readFile(new URL(name, import.meta.url), 'utf8'));
const [manifest, config, model] = await Promise.all(['manifest.json', 'features.json', 'model.json'].map(load));
const version = process.env.MODEL_VERSION ?? manifest.version;
const classifies = manifest.recipe.task === 'classification';

/** Status and body for what somebody sent. */
const answer = (body) => {
  let rows;
  try {
    ({ rows } = JSON.parse(body));
  } catch {
    return [400, { error: 'the body is not a JSON object: send {"rows": [...]}' }];
  }
  const problems = inputProblems(config, rows);
  if (problems.length > 0) {
    return [
      400,
      { error: `the rows cannot be predicted: ${problems[0]}`, problems: problems.slice(0, PROBLEMS_SHOWN_MAX) },
    ];
  }
  const scores = predict(model, transform(config, rows));
  const predictions = scores.map((score) => (classifies ? { score, yes: score >= 0.5 } : { score }));
  return [200, { version, predictions }];
};

const counts = { predictions: 0, seconds: 0, responses: new Map() };

const metrics = () =>
  [
    '# TYPE model_predictions_total counter',
    `model_predictions_total ${counts.predictions}`,
    '# TYPE model_predict_seconds_total counter',
    `model_predict_seconds_total ${counts.seconds}`,
    '# TYPE model_responses_total counter',
    ...[...counts.responses].map(([status, count]) => `model_responses_total{status="${status}"} ${count}`),
    '',
  ].join('\n');

/** The body, or undefined when it is larger than anybody should send. */
const bodyOf = async (request) => {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks).toString('utf8');
};

const predictions = async (request) => {
  const body = await bodyOf(request);
  if (body === undefined) return [413, { error: `the body is larger than ${BODY_BYTES_MAX} bytes: send fewer rows` }];
  const started = performance.now();
  const [status, content] = answer(body);
  counts.seconds += (performance.now() - started) / 1000;
  counts.predictions += content.predictions?.length ?? 0;
  return [status, content];
};

const ROUTES = {
  'GET /health': () => [200, { status: 'ok', version }],
  'GET /version': () => [200, { version, package: manifest.version, ...manifest.recipe, lookback: manifest.lookback }],
  'GET /metrics': () => [200, metrics()],
  'POST /predict': predictions,
};

const handle = async (request, response) => {
  const route = ROUTES[`${request.method} ${request.url?.split('?')[0]}`];
  const missing = {
    error: `there is no ${request.method} ${request.url}: there are ${Object.keys(ROUTES).join(', ')}`,
  };
  const [status, content] = route === undefined ? [404, missing] : await route(request);
  counts.responses.set(status, (counts.responses.get(status) ?? 0) + 1);
  const plain = typeof content === 'string';
  response.writeHead(status, { 'content-type': plain ? 'text/plain; version=0.0.4' : 'application/json' });
  response.end(plain ? content : JSON.stringify(content));
};

if (process.argv.includes('--once')) {
  const [status, content] = answer(await text(process.stdin));
  process.stdout.write(`${JSON.stringify(content)}\n`);
  process.exitCode = status === 200 ? 0 : 1;
} else {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () => {
    const { address, port } = server.address();
    console.log(`model ${version} listens on http://${address}:${port}`);
  });
  // On trial: started with a channel, it ends with whoever holds the other end, until that says otherwise.
  const end = () => process.exit();
  process.once('disconnect', end);
  process.once('message', () => process.off('disconnect', end));
  process.channel?.unref();
  if (process.connected === false) end();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      server.close();
      server.closeIdleConnections();
    });
  }
}
