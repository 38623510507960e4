import { formatProblem, loadPipeline } from '@vt/profiles';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Api } from './api.ts';
import { command, Row, word, type Flags, type Hands, type Options } from './command.ts';
import { surroundings } from './config.ts';
import { EXIT } from './errors.ts';
import { bad, dim, good, output, tableLines, warn } from './output.ts';

/** What keeps the platform sound: audit, parked events, pipelines, keys. */
export function addUpkeep(vt: Command): void {
  const audit = vt.command('audit').description('verify that the log is whole');
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

  const parked = vt.command('parked').description('list and replay events that a service could not handle');
  narrowed(
    command(
      parked,
      'list',
      'list them, and what waits behind them',
      async ({ api, out }, options) => {
        const events = await parkedOf(api, options);
        const rows = events.map(({ service, position, stream, attempts, reason }) => [
          ...[service, position, stream, attempts, reason],
        ]);
        out.answer(events, tableLines(['service', 'position', 'stream', 'attempts', 'reason'], rows));
      },
      { isDefault: true },
    ),
  );
  narrowed(command(parked, 'replay', 'have them tried again, and tell what became of them', replay));

  vt.command('pipeline')
    .description('check a pipeline')
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

  const keys = vt.command('keys').description('issue, revoke and list API keys');
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

const Parked = z.looseObject({
  service: z.string(),
  position: z.int(),
  stream: z.string(),
  reason: z.string(),
  attempts: z.int(),
  replay: z.boolean(),
});
const REPLAY_POLL_MS = 300;
const REPLAY_MS_MAX = 15_000;

const narrowed = (command: Command) =>
  command
    .option('--service <name>', 'only those that this service parked; relay: what JetStream refused')
    .option('--stream <stream>', 'only those of this stream');

async function parkedOf(api: Api, { service, stream }: Options) {
  const query = new URLSearchParams();
  for (const [name, given] of Object.entries({ service, stream })) if (given) query.set(name, String(given));
  const { items } = await api.get(`/v1/parked?${query}`, z.object({ items: z.array(Parked) }));
  return items;
}

/** Asks, and looks until each was tried, or whoever parked it takes too long. */
async function replay({ api, out }: Hands, { service, stream }: Options): Promise<void> {
  const narrow = { service, stream };
  const before = await parkedOf(api, narrow);
  await api.post('/v1/parked/replay', narrow);
  const deadline = performance.now() + REPLAY_MS_MAX;
  let left = await parkedOf(api, narrow);
  while (left.some((event) => event.replay) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, REPLAY_POLL_MS));
    left = await parkedOf(api, narrow);
  }
  const of = ({ service, position }: z.infer<typeof Parked>) => `${service}@${position}`;
  const there = new Set(left.map(of));
  const handled = before.filter((event) => !there.has(of(event))).length;
  const [waiting, parked] = [left.filter((event) => event.replay), left.filter((event) => !event.replay)];
  out.answer({ handled, parked, waiting }, [
    before.length === 0 ? dim('nothing is parked') : `${handled} of ${before.length} are handled`,
    ...parked.map(({ service, position, stream, reason }) => bad(`  ${service}, ${stream} at ${position}: ${reason}`)),
    ...[...new Set(waiting.map(({ service }) => service))].map((service) =>
      warn(
        service === 'relay'
          ? '  the relay tries again within a minute: vt parked list --service relay'
          : `  ${service} has not tried yet: does it run?`,
      ),
    ),
  ]);
  if (left.length > 0) process.exitCode = EXIT.failure;
}
