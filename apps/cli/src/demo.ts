import { cancel, isCancel, select, text } from '@clack/prompts';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Api, type TimelineEvent } from './api.ts';
import { fetchTree } from './artifacts.ts';
import { readCharter, type ReadCharter } from './charter.ts';
import { surroundings } from './config.ts';
import { CliError, EXIT } from './errors.ts';
import type { Output } from './output.ts';
import { launchStation, runningStation } from './station.ts';
import { summaryLines, summaryOf } from './summary.ts';
import { watchTrain } from './watch.ts';

export interface DemoOptions {
  readonly charter?: string;
  readonly interactive?: true;
  readonly keep?: true;
}

const SHIPPED = fileURLToPath(new URL('../demo/charter.yaml', import.meta.url));
const Runs = z.record(z.string(), z.int());
const Pending = z.object({ phase: z.string(), role: z.string(), evidence: z.array(z.string()), status: z.string() });

/** Rides one train from a charter to its end. What was interrupted goes on; what has ended is started anew. */
export async function demo(options: DemoOptions, out: Output): Promise<number> {
  const { charter, dataFile } = await readCharter(options.charter ?? SHIPPED);
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stopping.abort());

  const there = await runningStation();
  if (!there) out.note('Starting the station…');
  const station = there
    ? { ...there, startedHere: false, gone: new AbortController().signal, stop: async () => {} }
    : await launchStation(stopping.signal);
  try {
    const api = new Api(station);
    const trainId = await boardTrain(api, { charter, dataFile });
    const stuck = new AbortController();
    const board = await watchTrain(api, trainId, {
      signal: AbortSignal.any([stopping.signal, stuck.signal, station.gone]),
      onEvent: async (event, hush) => {
        if (await isStuck(api, trainId, event)) stuck.abort();
        if (event.type !== 'ApprovalRequested') return;
        for (const pending of await api.list(`/v1/approvals?trainId=${trainId}&status=pending`, Pending)) {
          const name = charter.approvals.find(({ role }) => role === pending.role)?.name;
          if (!name) continue;
          const answer = options.interactive ? await hush(() => askPerson(pending, name)) : SIMULATED;
          await inTheirName(api, name, (own) =>
            own.post(`/v1/trains/${trainId}/approvals/${answer.verb}`, {
              phase: pending.phase,
              role: pending.role,
              evidence: pending.evidence,
              comment: answer.comment,
              simulated: answer.simulated,
            }),
          );
        }
      },
    });
    if (station.gone.aborted && !stopping.signal.aborted) {
      throw new CliError(EXIT.unavailable, 'the station ended (see above)', 'the same command goes on where it was');
    }
    stopping.signal.throwIfAborted();
    const folder = surroundings.home.at('trains', trainId);
    await fetchTree(api, trainId, folder);
    const summary = await summaryOf(api, trainId, folder);
    out.answer(summary, summaryLines(summary));
    if (options.keep || !station.startedHere) out.note(`The station goes on at ${station.url}.`);
    else if (summary.server) out.note('The station stops, and the model server with it; --keep leaves both running.');
    if (options.keep && station.startedHere) await stayUntil(stopping.signal);
    return board.status === 'completed' && summary.verified ? EXIT.ok : EXIT.failure;
  } catch (error) {
    // The station goes first, and whatever was asked of it fails.
    if (!stopping.signal.aborted) throw error;
    out.note('Interrupted. The same command goes on where it was.');
    return EXIT.interrupted;
  } finally {
    await station.stop();
  }
}

const Issued = z.object({ keyId: z.string(), key: z.string() });

/** Who started a train passes on nothing that others say about it: each person speaks by a key of their own. */
async function inTheirName(api: Api, name: string, say: (own: Api) => Promise<unknown>): Promise<void> {
  const { keyId, key } = Issued.parse(await api.post('/v1/keys', { name, role: 'approver' }));
  try {
    // A key opens something as soon as it can be seen.
    await api.get(`/v1/keys?limit=1&minPosition=${api.lastPosition}`, z.object({}));
    await say(new Api({ ...api.connection, apiKey: key }));
  } finally {
    await api.delete(`/v1/keys/${keyId}`);
  }
}

const Gates = z.object({
  items: z.array(
    z.object({
      ticketId: z.string(),
      verdict: z.string(),
      checks: z.array(z.object({ id: z.string(), outcome: z.string() })),
    }),
  ),
});

/** A gate that is held, and not for want of an approval, goes on only when somebody acts: that is not the demo's to do. */
async function isStuck(api: Api, trainId: string, { type, position, data }: TimelineEvent): Promise<boolean> {
  if (type !== 'GateEvaluated' || data['verdict'] !== 'held') return false;
  // A second run reads the timeline from its beginning, and what was held then may have gone on since.
  const { items } = await api.get(`/v1/trains/${trainId}/gates?minPosition=${position}`, Gates);
  const gate = items.find(({ ticketId }) => ticketId === data['ticketId']);
  return (
    gate?.verdict === 'held' && gate.checks.every(({ id, outcome }) => outcome === 'met' || !id.startsWith('approval:'))
  );
}

const stayUntil = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** The train of this charter and data that has not ended; a new one where there is none. */
async function boardTrain(api: Api, { charter, dataFile }: ReadCharter): Promise<string> {
  const data = await api.upload(dataFile);
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([charter, data]))
    .digest('hex')
    .slice(0, 32);
  const file = surroundings.home.at('demo.json');
  const runs = existsSync(file) ? Runs.parse(JSON.parse(readFileSync(file, 'utf8'))) : {};
  for (let run = runs[fingerprint] ?? 1; ; run += 1) {
    surroundings.home.write('demo.json', JSON.stringify({ ...runs, [fingerprint]: run }));
    const answer = await api.post('/v1/trains', { charter, data }, `demo-${fingerprint}-${run}`);
    const { trainId } = z.object({ trainId: z.string() }).parse(answer);
    const { status } = await api.get(
      `/v1/trains/${trainId}?minPosition=${api.lastPosition}`,
      z.object({ status: z.string() }),
    );
    if (status === 'running' || status === 'paused') return trainId;
  }
}

type Pending = z.infer<typeof Pending>;
interface Answer {
  readonly verb: 'grant' | 'refuse';
  readonly comment: string;
  readonly simulated: boolean;
}

const SIMULATED: Answer = {
  verb: 'grant',
  comment: 'Given by the demo for the approver that the charter names.',
  simulated: true,
};

async function askPerson({ phase, role, evidence }: Pending, name: string): Promise<Answer> {
  const verb = await select({
    message: `${phase}: do you, ${name}, agree as ${role} to ${evidence.length} files?`,
    options: [
      { value: 'grant' as const, label: 'Yes, let it pass' },
      { value: 'refuse' as const, label: 'No, it needs more work' },
    ],
  });
  const comment = isCancel(verb)
    ? verb
    : await text(
        verb === 'grant'
          ? { message: 'A comment for the record', defaultValue: '', placeholder: 'none' }
          : {
              message: 'What does it need?',
              validate: (said) => (said?.trim() ? undefined : 'The agent works by it.'),
            },
      );
  if (isCancel(verb) || isCancel(comment)) {
    cancel('Not decided.');
    throw new CliError(EXIT.failure, 'the approval was not decided', 'the same command asks again');
  }
  return { verb, comment: comment ?? '', simulated: false };
}
