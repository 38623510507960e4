import { canonicalJson } from '@vt/event-store';
import { signVerdict } from '@vt/profiles';
import { Flip, GateReceipt } from '@vt/value-train';
import type { Command } from 'commander';
import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { command, type Hands, type Options } from './command.ts';
import { surroundings } from './config.ts';
import { CliError, EXIT } from './errors.ts';
import { NotProven, verifyReceipt } from './gate-verification.ts';
import { bad, countOf, dim, good, heading, output, tableLines, warn } from './output.ts';

const fileOf = (name: string) => resolve(surroundings.from, name);
const read = (name: string) =>
  readFile(fileOf(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `${name} can not be read (${error.code ?? error.message})`);
  });

/** What gates decided, why, and what they would decide by other rules. */
export function addGates(vt: Command): void {
  const gate = vt.command('gate').description('look into gates, and prove or replay what they decided');
  command<[string, string]>(gate, 'show <train> <phase>', 'show the receipt of a gate', showGate)
    .option('--cycle <lap>', 'which lap (default: the latest)')
    .option('--attempt <attempt>', 'which attempt (default: the latest)');
  command<[string, string]>(
    gate,
    'verdict <train> <phase>',
    'sign what a verifier found, and pass it on',
    passVerdictOn,
  )
    .requiredOption('--verifier <id>', 'who says so, as the pipeline names it')
    .requiredOption('--outcome <outcome>', 'pass or fail')
    .requiredOption('--key <file>', 'its Ed25519 private key, as PEM')
    .option('--reason <text>', 'why, for people', '')
    .option('--evidence <digests...>', 'what was looked at (default: what lies at the gate now)');
  command(gate, 'replay', 'judge every past attempt by a changed pipeline, and tell what would flip', replayGates)
    .requiredOption('--policy <file>', 'the pipeline, as YAML or JSON')
    .option('--since <moment>', 'only decisions from then on, in ISO 8601');
  gate
    .command('verify <receipt> <bundle>')
    .description('check offline that a receipt follows from an exported train')
    .option('--json', 'print one JSON document, for scripts')
    .action(verifyFiles);
}

/** `vt train export`: kept beside what it is for. */
export function addExport(train: Command): void {
  command<[string]>(
    train,
    'export <train>',
    'write every event with its chain of hashes, by which receipts are verified',
    async ({ api, out }, options, id) => {
      const file = String(options['to'] ?? `${id}.jsonl`);
      const bundle = await api.download(`/v1/trains/${id}/export`);
      await writeFile(fileOf(file), bundle);
      const events = bundle.toString('utf8').split('\n').length - 2;
      out.answer({ file: fileOf(file), events }, [`${countOf(events, 'event')} in ${fileOf(file)}`]);
    },
  ).option('--to <file>', 'which file (default: the id of the train, .jsonl)');
}

const MARKS = { met: good('✓'), unmet: bad('✗'), inconclusive: warn('?'), pending: warn('…'), waived: warn('w') };
const EFFECTS = { hold: 'holds only', warn: 'warns only', shadow: 'on trial' };

async function showGate({ api, out }: Hands, options: Options, id: string, phase: string): Promise<void> {
  const query = new URLSearchParams();
  for (const name of ['cycle', 'attempt']) if (options[name]) query.set(name, String(options[name]));
  const receipt = await api.get(`/v1/trains/${id}/gates/${phase}/receipt?${query}`, GateReceipt);
  // Byte for byte what `gate verify` wants, and what anybody else gets.
  if (out.json) return void process.stdout.write(`${canonicalJson(receipt)}\n`);
  const { verdict, cycle, attempt, policy, at, checks, observed } = receipt;
  const colour = verdict === 'passed' ? good : verdict === 'failed' ? bad : warn;
  out.answer(receipt, [
    `${heading(`The gate of ${phase}`)}, lap ${cycle}, attempt ${attempt}: ${colour(verdict)}`,
    dim(`${at}, by ${policy.id} version ${policy.version}; ${receipt.id}, ${receipt.hash.slice(0, 12)}`),
    '',
    ...checks.map(({ id, outcome, reason, effect, inputs }) => {
      const notes = [effect && EFFECTS[effect], inputs.length > 0 && countOf(inputs.length, 'file')].filter(Boolean);
      return `${MARKS[outcome]} ${id}  ${dim(notes.join(', '))}\n    ${reason}`;
    }),
    ...receipt.approvals.map(({ role, by, standsInFor, agreed }) => {
      const who = standsInFor ? `${by}, for ${standsInFor},` : by;
      return `${who} ${agreed ? 'agreed' : 'did not agree'} as ${role}`;
    }),
    ...receipt.verdicts.map(({ verifier, outcome }) => `${verifier} says ${outcome}, and signed it`),
    ...receipt.waivers.map(({ by, role, checks, reason, until }) =>
      warn(`${by}, ${role}, waived ${checks.join(', ')} until ${until}: ${reason}`),
    ),
    ...receipt.holds.map(({ source, reason }) => bad(`held by ${source}: ${reason}`)),
    ...(observed?.risks ?? []).map(
      ({ riskId, score, accepted }) => `risk ${riskId} scored ${score}${accepted ? ', accepted' : ''}`,
    ),
    ...spending(receipt),
    dim(`${countOf(receipt.evidence.length, 'file')} as evidence, by ${receipt.authors.join(', ')}`),
  ]);
}

function spending({ observed, allowance }: GateReceipt): string[] {
  const { spent, reserved, budget, unpriced } = observed?.spend ?? {};
  const unknown = unpriced ? `, and what ${unpriced} actions cost is unknown` : '';
  const still = reserved ? `, ${reserved.amount} reserved` : '';
  const given = allowance ? [`${allowance.amount.currency} ${allowance.amount.amount} were reserved for it`] : [];
  if (!spent) return given;
  const of = budget ? ` of ${budget.amount}` : '';
  return [...given, `${spent.currency} ${spent.amount}${of} spent${still}${unknown}`];
}

const Held = z.looseObject({
  phase: z.string(),
  verdict: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  evidence: z.array(z.string()),
});

async function passVerdictOn({ api, out }: Hands, options: Options, id: string, phase: string): Promise<void> {
  const { verifier, outcome, key: keyFile, reason } = options as Readonly<Record<string, string>>;
  if (outcome !== 'pass' && outcome !== 'fail') throw new CliError(EXIT.usage, 'the outcome is pass or fail');
  const { items } = await api.get(`/v1/trains/${id}/gates`, z.object({ items: z.array(Held) }));
  const held = items.findLast((each) => each.phase === phase && each.verdict === 'held');
  if (!held) throw new CliError(EXIT.notFound, `no gate of ${phase} waits for anything on this train`);
  const { cycle, attempt } = held;
  const evidence = (options['evidence'] as string[] | undefined) ?? held.evidence;
  const verdict = { phase, cycle, attempt, verifier: verifier!, outcome, evidence, reason: reason! };
  const signature = signVerdict(
    { ...verdict, trainId: id } as Parameters<typeof signVerdict>[0],
    await keyIn(keyFile!),
  );
  await api.post(`/v1/trains/${id}/verdicts`, { ...verdict, signature });
  out.answer({ trainId: id, ...verdict, signature }, [good(`${phase}: ${verifier} says ${outcome}`)]);
}

async function keyIn(file: string) {
  const pem = await read(file);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  const mend = 'make one: openssl genpkey -algorithm ed25519 -out ci.pem';
  throw new CliError(EXIT.usage, `${file} is no Ed25519 private key in PEM`, mend);
}

const Replay = z.looseObject({
  trains: z.int(),
  judged: z.int(),
  elsewhere: z.int(),
  flipped: z.int(),
  changes: z.record(z.string(), z.int()),
  flips: z.array(Flip),
  next: z.int().nullable(),
});
export type Replay = z.infer<typeof Replay>;
/** How many a person is shown. */
const FLIPS_SHOWN = 1_000;

/** What two pages say together. */
export function joined(one: Replay, other: Replay): Replay {
  const changes = { ...one.changes };
  for (const [change, count] of Object.entries(other.changes)) changes[change] = (changes[change] ?? 0) + count;
  return {
    ...one,
    trains: one.trains + other.trains,
    judged: one.judged + other.judged,
    elsewhere: one.elsewhere + other.elsewhere,
    flipped: one.flipped + other.flipped,
    changes,
    flips: [...one.flips, ...other.flips],
    next: other.next,
  };
}

async function replayGates({ api, out }: Hands, { policy, since }: Options): Promise<void> {
  const asked = {
    policy: await read(String(policy)),
    ...(since === undefined ? {} : { since: new Date(String(since)).toISOString() }),
  };
  const pageAfter = async (after: number) => Replay.parse(await api.post('/v1/gates/replay', { ...asked, after }));
  let report = await pageAfter(0);
  while (report.next !== null) report = joined(report, await pageAfter(report.next));
  const rows = report.flips
    .slice(0, FLIPS_SHOWN)
    .map(({ trainId, phase, cycle, attempt, from, to, because }) => [
      ...[trainId, phase, `${cycle}.${attempt}`, `${from} → ${to}`],
      because.map(({ check, was, is }) => `${check}: ${was ?? 'not asked'} → ${is ?? 'not asked'}`).join('; '),
    ]);
  const { judged, trains, flipped, elsewhere } = report;
  out.answer(report, [
    `${flipped === 0 ? good('nothing would flip') : heading(`${flipped} would flip`)} of ${countOf(judged, 'attempt')} on ${countOf(trains, 'train')}; nothing was changed`,
    ...Object.entries(report.changes).map(([change, count]) => `  ${change}: ${count}`),
    ...(elsewhere > 0 ? [dim(`  ${elsewhere} at phases that the policy does not have`)] : []),
    ...(rows.length > 0 ? tableLines(['train', 'phase', 'try', 'verdict', 'because'], rows) : []),
    ...(flipped > rows.length ? [dim(`  and ${flipped - rows.length} more`)] : []),
  ]);
}

async function verifyFiles(receipt: string, bundle: string, { json }: { readonly json?: true }): Promise<void> {
  const out = output(json === true);
  const [claim, proof] = await Promise.all([read(receipt), read(bundle)]);
  try {
    const { decision, events, signatures } = verifyReceipt(claim, proof);
    out.answer({ ok: true, decision, events, signatures }, [
      good(`✓ ${decision}: proven by ${countOf(events, 'event')}`),
      ...(signatures > 0 ? [`  and ${countOf(signatures, 'signature')} of verifiers outside`] : []),
    ]);
  } catch (error) {
    if (!(error instanceof NotProven)) throw error;
    out.answer({ ok: false, problem: error.message }, [bad(`✗ ${error.message}`)]);
    process.exitCode = EXIT.failure;
  }
}
