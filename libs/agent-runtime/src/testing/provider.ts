import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Refusal {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly error?: { readonly message: string };
}
export type Answer = Refusal | { readonly id: string; readonly [field: string]: unknown } | 'nothing';

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: { readonly model: string; readonly messages: readonly { readonly content: string }[] };
}

const isRefusal = (answer: Exclude<Answer, 'nothing'>): answer is Refusal => 'status' in answer;

/** A provider of models on this machine; it keeps what it was asked. */
export class Provider {
  readonly asked: Asked[] = [];
  private readonly server: Server;

  private constructor(answerTo: (asked: Asked, nth: number) => Answer) {
    this.server = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Asked['body'];
        const key = request.headers.authorization ?? String(request.headers['x-api-key']);
        const asked = { path: request.url ?? '', key, body };
        const answer = answerTo(asked, this.asked.length);
        this.asked.push(asked);
        if (answer === 'nothing') return;
        if (isRefusal(answer)) {
          response.statusCode = answer.status;
          response.setHeaders(new Map(Object.entries(answer.headers ?? {})));
        }
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      });
    });
  }

  static async open(answerTo: (asked: Asked, nth: number) => Answer): Promise<Provider> {
    const provider = new Provider(answerTo);
    await once(provider.server.listen(0, '127.0.0.1'), 'listening');
    return provider;
  }

  get url(): string {
    // A server that listens on TCP has an address with a port.
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** What a provider that is compatible with OpenAI says. */
export const completionOf = (content: string) => ({
  id: 'a',
  created: 1,
  model: 'local',
  object: 'chat.completion',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
});
