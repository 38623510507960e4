import { pauseOfSource } from '@vt/value-train';
import { Command } from 'commander';
import { z } from 'zod';
import { approvalsOf } from './approvals.ts';
import { readCharter } from './charter.ts';
import { command, Row, word } from './command.ts';
import { demo } from './demo.ts';
import { EXIT } from './errors.ts';
import { bad, dim, duration, good, heading, output, tableLines, warn } from './output.ts';
import { addExport, addGates } from './gates.ts';
import { Pause } from './api.ts';
import { addPauses, pauseLine } from './pauses.ts';
import { addPeople, tasksOf } from './people.ts';
import { addRecords } from './records.ts';
import { addLaws, addSessions } from './sessions.ts';
import { runStation } from './station.ts';
import { addUpkeep } from './upkeep.ts';
import { waiverLines, type Waiver } from './waivers.ts';
import { watchTrain } from './watch.ts';

/** The command line, whole. Commands end by throwing a CliError, or by the exit code that they set. */
export function program(): Command {
  const vt = new Command('vt')
    .description('Value Train: put AI projects on rails, and watch them ride.')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong use or input, 3 not found, 4 refused, 5 not available, 130 interrupted.',
    )
    .configureHelp({ subcommandTerm: (sub) => [sub.name(), ...argumentsOf(sub)].join(' ') })
    .exitOverride();
  addRunning(vt.commandsGroup('Ride:'));
  addTrains(vt);
  addPauses(vt);
  addPeople(vt.commandsGroup('Take part:'));
  addRecords(vt.commandsGroup('Look into it:'));
  addSessions(vt);
  addLaws(vt);
  addGates(vt);
  addUpkeep(vt.commandsGroup('Keep it sound:'));
  pointToHelp(vt, 'vt');
  return vt;
}

const argumentsOf = ({ registeredArguments }: Command) =>
  registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`));

/** Whoever uses a command wrongly is shown to the help of that command. */
function pointToHelp(command: Command, typed: string): void {
  command.showHelpAfterError(`(${typed} --help shows how)`);
  for (const sub of command.commands) pointToHelp(sub, `${typed} ${sub.name()}`);
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

const statusOf = ({ status, outcome }: Record<string, unknown>) => {
  const colour = status === 'completed' ? good : status === 'running' ? (text: string) => text : bad;
  return colour(word(status)) + (outcome ? `, by the outcome ${word(outcome)}` : '');
};
const verdictOf = (verdict: unknown) =>
  verdict === 'passed' ? good('passed') : verdict === 'failed' ? bad('failed') : warn(word(verdict ?? 'at work'));

function addTrains(vt: Command): void {
  const train = vt.command('train').description('start, show, watch and steer trains');
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
    const [shown, { items }, tasks, approvals] = await Promise.all([
      api.get(`/v1/trains/${id}`, Row),
      api.get(`/v1/trains/${id}/phases`, z.object({ items: z.array(Row) })),
      tasksOf(api, id),
      approvalsOf(api, id),
    ]);
    const rows = items.map((row) => [
      word(row['phase']),
      word(row['cycle']),
      word(row['attempts']),
      verdictOf(row['verdict']),
      duration(row['durationMs'] as number | null),
    ]);
    const { id: pipeline, version } = shown['pipeline'] as { id: string; version: number };
    out.answer({ ...shown, phases: items, tasks, approvals }, [
      `${heading(word(shown['name']))}, for ${word(shown['client'])}: ${statusOf(shown)}`,
      dim(`${id}, lap ${word(shown['cycle'])} on ${pipeline} version ${version}`),
      ...((shown['blockedFor'] as string[] | null) ?? []).map((reason) => bad(`  ${reason}`)),
      ...z
        .array(Pause)
        .parse(shown['pauses'])
        .map((pause) => bad(`  ${pauseLine(pause)}`)),
      ...(shown['holds'] as { source: string; reason: string }[])
        // Those of pauses are told already.
        .filter(({ source }) => pauseOfSource(source) === undefined)
        .map(({ source, reason }) => bad(`  held by ${source}: ${reason}`)),
      ...tasks.map(({ action, role, instructions }) =>
        warn(`  waits for a person, ${role}: ${instructions} (vt task complete ${id} ${action})`),
      ),
      ...approvals.map(({ phase, role }) => warn(`  waits for the ${role} to agree (vt approvals ${id} ${phase})`)),
      ...waiverLines(shown['waivers'] as Waiver[]),
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
  addExport(train);
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
