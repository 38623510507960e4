import type { Command } from 'commander';
import { resolve } from 'node:path';
import { z } from 'zod';
import { fetchTree, listFiles } from './artifacts.ts';
import { command, Row, word, type Hands, type Options } from './command.ts';
import { surroundings } from './config.ts';
import { bytes, countOf, dim, duration, good, tableLines } from './output.ts';

const money = (value: unknown) =>
  (value as { amount: string; currency: string }[]).map(({ amount, currency }) => `${currency} ${amount}`).join(', ') ||
  '–';

/** What is known of trains: events, files, risks, costs. */
export function addRecords(vt: Command): void {
  const events = vt.command('events').description('follow the log');
  command(events, 'tail', 'print events in the order of the log, and go on with those that come', tailEvents)
    .option('--after <position>', 'from here on', '0')
    .option('--types <types>', 'only these types, with commas between them')
    .option('--once', 'stop at the end of the log');

  const artifacts = vt.command('artifacts').description('list and fetch the files of a train');
  command<[string]>(artifacts, 'list <train>', 'list them', async ({ api, out }, _, id) => {
    const files = await listFiles(api, id);
    out.answer(
      files,
      tableLines(
        ['file', 'lap', 'size', 'phase', 'digest'],
        files.map((file) => [
          file.path,
          file.cycle,
          bytes(file.size),
          file.phase ?? 'input',
          dim(file.digest.slice(0, 19)),
        ]),
      ),
    );
  });
  command<[string]>(
    artifacts,
    'get <train>',
    'write them to a folder, one tree a lap',
    async ({ api, out }, options, id) => {
      const folder = resolve(surroundings.from, String(options['to'] ?? id));
      const files = await fetchTree(api, id, folder);
      out.answer({ folder, files }, [`${countOf(files, 'file')} in ${folder}`]);
    },
  ).option('--to <folder>', 'which folder (default: the id of the train)');

  command<[string | undefined]>(vt, 'risks [train]', 'list risks, of one train or all', async ({ api, out }, _, id) => {
    const risks = await api.list(`/v1/risks${id ? `?trainId=${id}` : ''}`, Row);
    const rows = risks.map((row) => [
      word(row['riskId']),
      word(row['title']),
      word(row['score']),
      word(row['status']),
      word(row['reason']),
    ]);
    out.answer(risks, tableLines(['risk', 'title', 'score', 'status', 'because'], rows));
  });
  command<[string]>(vt, 'costs <train>', 'show what a train has cost, by phase', async ({ api, out }, _, id) => {
    const costs = await api.get(`/v1/trains/${id}/costs`, z.looseObject({ byPhase: z.array(Row), total: Row }));
    const rows = [...costs.byPhase, { phase: 'in total', ...costs.total }].map((row) => [
      word((row as { phase: unknown }).phase),
      duration(Number(row['cpuMs'])),
      money(row['cost']),
      money(row['reserved']),
      Number(row['unpriced']) > 0 ? `${word(row['unpriced'])} unknown` : '',
    ]);
    out.answer(costs, tableLines(['phase', 'CPU', 'cost', 'reserved', ''], rows));
  });

  command<[string, string, string]>(
    vt,
    'budget <train> <amount> <currency>',
    'set what a train may spend',
    async ({ api, out }, _, id, amount, currency) => {
      await api.put(`/v1/trains/${id}/budget`, { amount, currency });
      out.answer({ trainId: id, budget: { amount, currency } }, [good(`budget: ${currency} ${amount}`)]);
    },
  );
  const risk = vt.command('risk').description('accept, close or mitigate a risk');
  for (const [verb, description, done] of [
    ['accept', 'take a risk upon yourself as it is; what it holds is let go', 'accepted'],
    ['close', 'close a risk; what it holds is let go', 'closed'],
  ] as const) {
    command<[string, string]>(
      risk,
      `${verb} <train> <risk>`,
      description,
      async ({ api, out }, options, id, riskId) => {
        await api.post(`/v1/trains/${id}/risks/${riskId}/${verb}`, { reason: options['reason'] });
        out.answer({ trainId: id, riskId, done: verb }, [good(done)]);
      },
    ).requiredOption('--reason <text>', 'why, for the record');
  }
  command<[string, string]>(
    risk,
    'mitigate <train> <risk>',
    'say what works against a risk, and how much of it',
    async ({ api, out }, options, id, riskId) => {
      await api.post(`/v1/trains/${id}/risks/${riskId}/mitigate`, {
        mitigation: options['by'],
        effectiveness: Number(options['effectiveness']),
      });
      out.answer({ trainId: id, riskId, done: 'mitigate' }, [good('mitigated')]);
    },
  )
    .requiredOption('--by <mitigation>', 'what works against it, such as M015')
    .requiredOption('--effectiveness <share>', 'the share of the score that it takes away, 0 to 1');
}

const Feed = z.object({
  items: z.array(
    z.looseObject({ position: z.int(), at: z.string(), type: z.string(), stream: z.string(), actor: z.string() }),
  ),
  next: z.int(),
});
const TAIL_POLL_MS = 500;

async function tailEvents({ api, out }: Hands, options: Options): Promise<void> {
  const types = typeof options['types'] === 'string' ? `&types=${encodeURIComponent(options['types'])}` : '';
  let after = Number(options['after']);
  for (;;) {
    const { items, next } = await api.get(`/v1/events?after=${after}&limit=200${types}`, Feed);
    for (const event of items) {
      out.answer(event, [
        `${String(event.position).padStart(7)}  ${event.at}  ${event.type.padEnd(18)}  ${event.stream}  ${dim(event.actor)}`,
      ]);
    }
    after = Math.max(after, next);
    if (items.length > 0) continue;
    if (options['once']) return;
    await new Promise((resolve) => setTimeout(resolve, TAIL_POLL_MS));
  }
}
