import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** What a process says about itself over HTTP. */
export interface ProcessState {
  /** What keeps it from working now; empty when it is ready. */
  troubles(): Promise<readonly string[]>;
  /** What it is ready without. */
  warnings(): readonly string[];
  /** Undefined while there is nothing to count yet. */
  metrics(): Registry | undefined;
  /** Answers everything that is not about the process; undefined while the service is not up. */
  service(): ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

export interface ProcessServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The HTTP server of a process, up before anything else is: `/health/live`, `/health/ready`, `/metrics`, and in front
 * of the service's own routes.
 */
export async function startProcessServer(state: ProcessState, port: number, host: string): Promise<ProcessServer> {
  const server = createServer((request, response) => void answer(state, request, response));
  await new Promise<void>((listening, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      failed(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} of ${host} is taken: set HTTP_PORT to another`, { cause: error })
          : error,
      ),
    );
    server.listen(port, host, listening);
  });
  // A server that listens on TCP has such an address.
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeIdleConnections();
      }),
  };
}

async function answer(state: ProcessState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '/').split('?');
  switch (path) {
    case '/health/live':
      return sendJson(response, 200, { status: 'live' });
    case '/health/ready': {
      const troubles = await state.troubles();
      const warnings = state.warnings();
      const also = warnings.length === 0 ? {} : { warnings };
      return troubles.length === 0
        ? sendJson(response, 200, { status: 'ready', ...also })
        : sendJson(response, 503, { status: 'not ready', troubles, ...also });
    }
    case '/metrics': {
      const metrics = state.metrics();
      if (!metrics) return sendJson(response, 503, { status: 'not ready' });
      response.setHeader('content-type', metrics.contentType);
      response.end(await metrics.metrics().catch((error: unknown) => `# ${String(error)}\n`));
      return;
    }
    default: {
      const service = state.service();
      if (service) return service(request, response);
      response.setHeader('retry-after', '2');
      return sendJson(response, 503, { status: 'not ready' });
    }
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
