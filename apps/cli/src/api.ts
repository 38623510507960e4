import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { z } from 'zod';
import type { Connection } from './config.ts';
import { CliError, EXIT } from './errors.ts';

const Problem = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string().optional(), detail: z.string() })).optional(),
});

const PAGE = 200;

/** An event of a train as it is streamed. */
export const TimelineEvent = z.object({
  position: z.int(),
  type: z.string(),
  at: z.string(),
  actor: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type TimelineEvent = z.infer<typeof TimelineEvent>;

export const Pause = z.object({
  scope: z.string(),
  subject: z.string(),
  by: z.string(),
  reason: z.string(),
  since: z.string(),
});
export type Pause = z.infer<typeof Pause>;

/** What covers a train, as it is told between its events. */
export const Pauses = z.strictObject({ pauses: z.array(Pause) });
export type Pauses = z.infer<typeof Pauses>;
const Frame = z.union([Pauses, TimelineEvent]);

/** The HTTP API, as the commands need it. What it refuses becomes a CliError with the reason. */
export class Api {
  /** Place in the log of what was last written or read: read with it as `minPosition` to see one's own write. */
  lastPosition = 0;
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
    return schema.parse(await (await this.send('GET', path)).json());
  }

  /** Every item of a list, page by page. */
  async list<Schema extends z.ZodType>(path: string, item: Schema): Promise<z.infer<Schema>[]> {
    const page = z.object({ items: z.array(item), next: z.string().nullish() });
    const items: z.infer<Schema>[] = [];
    let after: string | null | undefined;
    do {
      const query = new URLSearchParams({ limit: String(PAGE), ...(after ? { after } : {}) });
      const answer = await this.get(`${path}${path.includes('?') ? '&' : '?'}${query}`, page);
      items.push(...answer.items);
      after = answer.next;
    } while (after);
    return items;
  }

  /** Repeating it with the same key is answered with the first answer. */
  async post(path: string, body: object, idempotencyKey: string = crypto.randomUUID()): Promise<unknown> {
    const response = await this.send('POST', path, {
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
    });
    return response.status === 204 ? undefined : response.json();
  }

  async put(path: string, body: object): Promise<unknown> {
    const response = await this.send('PUT', path, {
      headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify(body),
    });
    return response.status === 204 ? undefined : response.json();
  }

  async delete(path: string): Promise<void> {
    await this.send('DELETE', path, { headers: { 'idempotency-key': crypto.randomUUID() } });
  }

  /** Uploads a file, and answers its digest, which is also its name. */
  async upload(file: string): Promise<string> {
    const digest = `sha256:${await sha256(file)}`;
    await this.send('PUT', `/v1/artifacts/${digest}`, {
      headers: { 'content-type': 'application/octet-stream' },
      body: await openAsBlob(file),
    });
    return digest;
  }

  async download(path: string): Promise<Buffer> {
    return Buffer.from(await (await this.send('GET', path)).arrayBuffer());
  }

  /**
   * The events of a train, those that were and those that come, and what covers it, until the signal says stop. Reconnects by itself, and
   * says each time when nobody answers any more.
   */
  async *follow(
    trainId: string,
    signal: AbortSignal,
    onAway: () => void = () => {},
  ): AsyncGenerator<TimelineEvent | Pauses> {
    let position = 0;
    let away = false;
    while (!signal.aborted) {
      try {
        const response = await this.send('GET', `/v1/trains/${trainId}/events?after=${position}`, { signal });
        away = false;
        for await (const event of framesOf(response.body!)) {
          if ('position' in event) position = event.position;
          yield event;
        }
      } catch (error) {
        if (signal.aborted) return;
        // A stream that breaks off is a TypeError of fetch; anything else would come again.
        const mayPass = error instanceof CliError ? error.exitCode === EXIT.unavailable : error instanceof TypeError;
        if (!mayPass) throw error;
        if (!away) onAway();
        away = true;
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }

  private async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const { url, apiKey } = this.connection;
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        ...init,
        method,
        headers: { ...init.headers, authorization: `Bearer ${apiKey}` },
      });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new CliError(
        EXIT.unavailable,
        `${url} does not answer`,
        'start a station with `vt up`, or look at its log',
      );
    }
    this.lastPosition = Math.max(this.lastPosition, Number(response.headers.get('vt-position') ?? 0));
    if (response.ok) return response;
    throw await refusal(response);
  }
}

const RECONNECT_MS = 300;

async function refusal(response: Response): Promise<CliError> {
  const problem = Problem.safeParse(await response.json().catch(() => ({}))).data ?? {};
  const details = (problem.errors ?? []).map(
    ({ pointer, detail }) => `${pointer ? `${fieldOf(pointer)}: ` : ''}${detail}`,
  );
  const message = problem.detail ?? problem.title ?? `the API answered ${response.status}`;
  return new CliError(exitCodeOf(response.status), details.length > 0 ? details.join('\n') : message);
}

/** `/charter/data/file` is charter.data.file to a person. */
const fieldOf = (pointer: string) => pointer.slice(1).replaceAll('/', '.');

function exitCodeOf(status: number) {
  if (status === 404) return EXIT.notFound;
  if (status === 400 || status === 413 || status === 415 || status === 422) return EXIT.usage;
  if (status === 401 || status === 403 || status === 409 || status === 412) return EXIT.refused;
  return status >= 500 ? EXIT.unavailable : EXIT.failure;
}

/** Server-sent events: blocks of lines, of which `data:` is what we want. */
export async function* framesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<TimelineEvent | Pauses> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    const blocks = buffer.split('\n\n');
    buffer = blocks.pop()!;
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
        .join('\n');
      if (data) yield Frame.parse(JSON.parse(data));
    }
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
