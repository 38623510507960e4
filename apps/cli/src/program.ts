import { Command, Option } from 'commander';
import { z } from 'zod';
import { Api } from './api.ts';
import { bytes, countOf, dim, bad, duration, good, output, tableLines, type Output } from './output.ts';
import { connectionOf, surroundings } from './config.ts';
import { fetchTree, listFiles } from './artifacts.ts';
import { readCharter } from './charter.ts';
import { demo } from './demo.ts';
import { CliError, EXIT } from './errors.ts';
import { runStation } from './station.ts';
import { watchTrain } from './watch.ts';
import { formatProblem, loadPipeline } from '@vt/profiles';
import { resolve } from 'node:path';

interface Flags {
  readonly json?: true;
  readonly url?: string;
  readonly apiKey?: string;
}

/** What a command has at hand: the API of the station, and where to say what it found. */
interface Hands {
  readonly api: Api;
  readonly out: Output;
}

const Row = z.record(z.string(), z.unknown());
const word = (value: unknown) => (value === null || value === undefined ? '–' : String(value));
const money = (value: unknown) =>
  (value as { amount: string; currency: string }[]).map(({ amount, currency }) => `${currency} ${amount}`).join(', ') ||
  '–';

/** The command line, whole. Commands end by throwing a CliError, or by the exit code that they set. */
export function program(): Command {
  const vt = new Command('vt')
    .description('Value Train: put AI projects on rails, and watch them ride.')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong use or input, 3 not found, 4 refused, 5 not available, 130 interrupted.',
    )
    .showHelpAfterError('(vt --help shows how)')
    .exitOverride();
  addRunning(vt);
  addTrains(vt);
  addGates(vt);
  addRecords(vt);
  addKeys(vt);
  return vt;
}

/** Every command has --json; those that talk to a station also have its address and key. */
function command<Args extends unknown[]>(
  parent: Command,
  usage: string,
  description: string,
  act: (hands: Hands, options: Record<string, string | true | undefined>, ...args: Args) => Promise<void>,
): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print one JSON document, for scripts')
    .addOption(new Option('--url <url>', 'where the gateway is (VT_URL)'))
    .addOption(new Option('--api-key <key>', 'who you are (VT_API_KEY)'))
    .action(async (...all: unknown[]) => {
      const options = all.at(-2) as Flags & Record<string, string | true | undefined>;
      const args = all.slice(0, -2) as Args;
      await act({ api: new Api(connectionOf(options)), out: output(options.json === true) }, options, ...args);
    });
}

function addRunning(vt: Command): void {
  vt.command('up')
    .description('start every service in this process, with servers of its own, until Ctrl-C')
    .action(async () => {
      process.exitCode = await runStation();
    });
  vt.command('demo')
    .description('ride a train from a charter to its end; interrupted, it goes on where it was')
    .option('--charter <file>', 'a charter of your own (default: will it rain tomorrow?)')
    .option('--interactive', 'ask you at each approval')
    .option('--keep', 'leave the station and the model server running at the end')
    .option('--json', 'print one JSON document on standard output, and nothing else')
    .action(async (options: { charter?: string; interactive?: true; keep?: true; json?: true }) => {
      process.exitCode = await demo(options, output(options.json === true));
    });
}

function addTrains(vt: Command): void {
  const train = vt.command('train').description('trains: start, look, steer');
  command<[string]>(
    train,
    'start <charter>',
    'put the project of a charter on a pipeline',
    async ({ api, out }, options, file) => {
      const { charter, dataFile } = await readCharter(file);
      const data = await api.upload(dataFile);
      const key = typeof options['idempotencyKey'] === 'string' ? options['idempotencyKey'] : undefined;
      const started = await api.post('/v1/trains', { charter, data, pipeline: options['pipeline'] }, key);
      const { trainId } = z.object({ trainId: z.string() }).parse(started);
      out.answer({ trainId }, [`${trainId} is on the line; follow it: vt train watch ${trainId}`]);
    },
  )
    .option('--pipeline <id>', 'which pipeline', 'ml-delivery')
    .option('--idempotency-key <key>', 'two starts with the same key are one train');
  command(train, 'list', 'list trains, the newest first', async ({ api, out }) => {
    const trains = await api.list('/v1/trains', Row);
    const rows = trains.map((row) => [
      word(row['trainId']),
      word(row['name']),
      word(row['status']),
      word(row['phase']),
      word(row['cycle']),
    ]);
    out.answer(trains, tableLines(['train', 'name', 'status', 'phase', 'lap'], rows));
  });
  command<[string]>(train, 'show <train>', 'show where a train stands, phase by phase', async ({ api, out }, _, id) => {
    const [shown, { items }] = await Promise.all([
      api.get(`/v1/trains/${id}`, Row),
      api.get(`/v1/trains/${id}/phases`, z.object({ items: z.array(Row) })),
    ]);
    const rows = items.map((row) => [
      word(row['phase']),
      word(row['cycle']),
      word(row['attempts']),
      word(row['verdict']),
      duration(row['durationMs'] as number | null),
    ]);
    out.answer({ ...shown, phases: items }, [
      `${word(shown['name'])}: ${word(shown['status'])}${shown['outcome'] ? `, ${word(shown['outcome'])}` : ''}`,
      ...((shown['blockedFor'] as string[] | null) ?? []).map((reason) => bad(`  ${reason}`)),
      ...(shown['holds'] as { source: string; reason: string }[]).map(({ source, reason }) =>
        bad(`  held by ${source}: ${reason}`),
      ),
      ...tableLines(['phase', 'lap', 'attempts', 'verdict', 'time'], rows),
    ]);
  });
  command<[string]>(
    train,
    'watch <train>',
    'follow a train until it can go no further',
    async ({ api, out }, _, id) => {
      const stopping = new AbortController();
      process.once('SIGINT', () => stopping.abort());
      const { status } = await watchTrain(api, id, { signal: stopping.signal });
      out.answer({ trainId: id, status }, [status]);
      if (status !== 'completed' && !stopping.signal.aborted) process.exitCode = EXIT.failure;
    },
  );
  for (const [verb, description] of [
    ['pause', 'hand out no new work'],
    ['abort', 'end a train before its time'],
    ['unblock', 'give a blocked phase another try'],
  ] as const) {
    command<[string]>(train, `${verb} <train>`, description, async ({ api, out }, options, id) => {
      await api.post(`/v1/trains/${id}/${verb}`, { reason: options['reason'] });
      out.answer({ trainId: id, done: verb }, [good(`${verb}: done`)]);
    }).requiredOption('--reason <text>', 'why, for the record');
  }
  command<[string]>(train, 'resume <train>', 'go on where it stopped', async ({ api, out }, _, id) => {
    await api.post(`/v1/trains/${id}/resume`, {});
    out.answer({ trainId: id, done: 'resume' }, [good('resume: done')]);
  });
}

const Pending = z.looseObject({
  trainId: z.string(),
  phase: z.string(),
  role: z.string(),
  evidence: z.array(z.string()),
  requestedAt: z.string(),
});

function addGates(vt: Command): void {
  for (const [name, verb, description] of [
    ['approve', 'grant', 'agree to what a gate shows; without a phase, list what waits'],
    ['reject', 'refuse', 'do not agree to what a gate shows; the phase is worked again'],
  ] as const) {
    command<[string, string | undefined]>(
      vt,
      `${name} <train> [phase]`,
      description,
      async ({ api, out }, options, id, phase) => {
        const pending = (await api.list(`/v1/approvals?trainId=${id}&status=pending`, Pending)).filter(
          (each) =>
            (phase === undefined || each.phase === phase) &&
            (options['role'] === undefined || each.role === options['role']),
        );
        if (phase === undefined) {
          const rows = pending.map((each) => [each.phase, each.role, each.evidence.length, each.requestedAt]);
          return out.answer(pending, tableLines(['phase', 'role', 'files', 'asked at'], rows));
        }
        const [wanted, ...more] = pending;
        if (!wanted) throw new CliError(EXIT.notFound, `nothing waits for an approval in ${phase}`);
        if (more.length > 0)
          throw new CliError(
            EXIT.usage,
            `${phase} waits for several roles`,
            `say which: ${pending.map(({ role }) => `--role ${role}`).join(' or ')}`,
          );
        await api.post(`/v1/trains/${id}/approvals/${verb}`, {
          phase,
          role: wanted.role,
          evidence: wanted.evidence,
          comment: options['comment'] ?? '',
          ...(options['as'] ? { onBehalfOf: options['as'] } : {}),
        });
        out.answer({ trainId: id, phase, role: wanted.role, done: name }, [
          good(`${phase}: ${name} as ${wanted.role}: done`),
        ]);
      },
    )
      .option('--role <role>', 'which role, when several are asked')
      .option('--as <name>', 'whose word you pass on (admins only)')
      .option('--comment <text>', 'a comment for the record');
  }
}

function addRecords(vt: Command): void {
  const events = vt.command('events').description('the log');
  command(events, 'tail', 'print events in the order of the log, and go on with those that come', tailEvents)
    .option('--after <position>', 'from here on', '0')
    .option('--types <types>', 'only these types, with commas between them')
    .option('--once', 'stop at the end of the log');

  const artifacts = vt.command('artifacts').description('the files of a train');
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
      Number(row['unpriced']) > 0 ? `${word(row['unpriced'])} unknown` : '',
    ]);
    out.answer(costs, tableLines(['phase', 'CPU', 'cost', ''], rows));
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
  const risk = vt.command('risk').description('act on a risk');
  command<[string, string]>(
    risk,
    'close <train> <risk>',
    'close a risk; what it holds is let go',
    async ({ api, out }, options, id, riskId) => {
      await api.post(`/v1/trains/${id}/risks/${riskId}/close`, { reason: options['reason'] });
      out.answer({ trainId: id, riskId, done: 'close' }, [good('closed')]);
    },
  ).requiredOption('--reason <text>', 'why, for the record');
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

  const audit = vt.command('audit').description('the proof that the log is whole');
  command(audit, 'verify', 'recompute every chain, and hold it against the log', async ({ api, out }) => {
    const found = z
      .looseObject({ ok: z.boolean(), problems: z.array(Row).default([]) })
      .parse(await api.post('/v1/audit/verification', {}));
    const { ok, problems, ...counts } = found;
    out.answer(found, [
      ok ? good('✓ the event store verifies') : bad('✗ the event store does not verify'),
      ...Object.entries(counts).map(([name, value]) => `  ${name}: ${String(value)}`),
      ...problems.map((problem) =>
        bad(`  ${word(problem['stream'])}@${word(problem['version'])}: ${word(problem['problem'])}`),
      ),
    ]);
    if (!ok) process.exitCode = EXIT.failure;
  });

  vt.command('pipeline')
    .description('pipelines')
    .command('validate <file>')
    .description('check a pipeline; every mistake is named with its line and mend')
    .option('--json', 'print one JSON document, for scripts')
    .action(async (file: string, { json }: Flags) => {
      const out = output(json === true);
      const loaded = await loadPipeline(resolve(surroundings.from, file));
      if (loaded.ok) {
        const { id, version, phases } = loaded.pipeline;
        return out.answer({ ok: true, id, version, digest: loaded.digest }, [
          good(`✓ ${id} version ${version}: ${phases.length} phases`),
        ]);
      }
      out.answer({ ok: false, problems: loaded.problems }, loaded.problems.map(formatProblem));
      process.exitCode = EXIT.usage;
    });
}

const Feed = z.object({
  items: z.array(
    z.looseObject({ position: z.int(), at: z.string(), type: z.string(), stream: z.string(), actor: z.string() }),
  ),
  next: z.int(),
});
const TAIL_POLL_MS = 500;

async function tailEvents({ api, out }: Hands, options: Record<string, string | true | undefined>): Promise<void> {
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

function addKeys(vt: Command): void {
  const keys = vt.command('keys').description('API keys');
  command<[string, string]>(
    keys,
    'issue <name> <role>',
    'issue a key: viewer, operator, approver, auditor or admin',
    async ({ api, out }, _, name, role) => {
      const issued = z.object({ keyId: z.string(), key: z.string() }).parse(await api.post('/v1/keys', { name, role }));
      out.answer(issued, [issued.key, dim(`${issued.keyId}; it is shown this once`)]);
    },
  );
  command<[string]>(keys, 'revoke <key-id>', 'close a key', async ({ api, out }, _, keyId) => {
    await api.delete(`/v1/keys/${keyId}`);
    out.answer({ keyId, done: 'revoke' }, [good('revoked')]);
  });
  command(keys, 'list', 'list keys, without the keys themselves', async ({ api, out }) => {
    const list = await api.list('/v1/keys', Row);
    out.answer(
      list,
      tableLines(
        ['key', 'name', 'role', 'revoked'],
        list.map((row) => [word(row['keyId']), word(row['name']), word(row['role']), word(row['revokedAt'])]),
      ),
    );
  });
}
