import { formatProblem, loadPipeline } from '@vt/profiles';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { z } from 'zod';
import { command, Row, word, type Flags } from './command.ts';
import { surroundings } from './config.ts';
import { EXIT } from './errors.ts';
import { bad, dim, good, output, tableLines } from './output.ts';

/** What keeps the platform sound: audit, pipelines, keys. */
export function addUpkeep(vt: Command): void {
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
