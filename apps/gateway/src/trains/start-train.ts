import { mediaTypeOf } from '@vt/agent-runtime';
import type { Artifact, CommandInput } from '@vt/contracts';
import { TrainId, type Digest } from '@vt/kernel';
import { Problem, type ProblemPart } from '@vt/service';
import { charterProblems, groupsTooSmall, type Charter } from '@vt/value-train';
import { mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { idFrom } from '../edge/deterministic-id.ts';
import type { DataProblem, Doors } from '../doors.ts';
import type { Incoming } from '../edge/operation.ts';
import type { startTrain } from './train-operations.ts';

type Start = Incoming<typeof startTrain>['body'];

/** The same request starts the same train, at whichever instance it arrives. */
export const trainIdOf = ({
  principal,
  idempotencyKey,
}: Pick<Incoming<never>, 'principal' | 'idempotencyKey'>): TrainId =>
  TrainId.parse(idFrom(`${principal.tenant}/train/${idempotencyKey}`));

/** Refuses what would waste work, naming the place and the mend; else keeps the charter and says how to start. */
export async function prepareStart(
  doors: Doors,
  { charter, data, pipeline }: Start,
  requester: string,
): Promise<Omit<CommandInput<'train.start'>, 'trainId'>> {
  refuseIf('this charter can not be worked by', [
    ...pipelineProblems(doors, pipeline, charter, requester),
    ...currencyProblems(doors, charter),
    ...charterProblems(charter).map(({ path, message }) => ({ pointer: `/charter${path}`, detail: message })),
  ]);
  const file = basename(charter.data.file);
  const dataFile = data === null ? [] : [await inspected(doors, charter, data, file)];
  return {
    pipeline,
    name: charter.name,
    client: charter.client.name,
    inputs: [await keepCharter(doors, charter), ...dataFile],
    budget: charter.budget,
    approvers: charter.approvals,
  };
}

function pipelineProblems({ pipelines }: Doors, id: string, charter: Charter, requester: string): ProblemPart[] {
  const found = pipelines.find(({ pipeline }) => pipeline.id === id);
  if (found === undefined) {
    const known = pipelines.map(({ pipeline }) => pipeline.id).join(', ');
    return [{ pointer: '/pipeline', detail: `there is no pipeline ${id}: use one of ${known}` }];
  }
  return groupsTooSmall(found.pipeline, charter.approvals, requester).map((detail) => ({
    pointer: '/charter/approvals',
    detail,
  }));
}

const currencyProblems = ({ currency }: Doors, { budget }: Charter): ProblemPart[] =>
  budget.currency === currency
    ? []
    : [
        {
          pointer: '/charter/budget/currency',
          detail: `the budget is in ${budget.currency}, but prices are in ${currency}: give it in ${currency}, or a price book in ${budget.currency}`,
        },
      ];

function refuseIf(what: string, errors: readonly ProblemPart[]): void {
  if (errors.length > 0) throw new Problem(422, 'invalid', `${what}: see errors`, errors);
}

async function keepCharter({ artifacts }: Doors, charter: Charter): Promise<Artifact> {
  const mediaType = 'application/json';
  const { digest, size } = await artifacts.put(Buffer.from(`${JSON.stringify(charter, undefined, 2)}\n`));
  return { path: 'charter.json', digest, size, mediaType };
}

/** The data file as an artifact, after a look at it. @throws Problem that names file, column and line. */
async function inspected(doors: Doors, charter: Charter, digest: Digest, file: string): Promise<Artifact> {
  if (!(await doors.artifacts.has(digest))) {
    const detail = `there is no content ${digest}: upload it first, by PUT /v1/artifacts/${digest}`;
    throw new Problem(422, 'data-missing', detail, [{ pointer: '/data', detail }]);
  }
  return withLocalFile(doors, digest, extname(file), async (path) => {
    const { problems } = await doors.inspectData(path, charter.data);
    refuseIf(
      `${file} can not be worked with as the charter describes it`,
      problems.map((problem) => ({ pointer: '/data', detail: sentence(file, problem) })),
    );
    const { size } = await stat(path);
    return { path: `data/${file}`, digest, size, mediaType: mediaTypeOf(file) };
  });
}

const sentence = (file: string, { column, line, message, mend }: DataProblem) =>
  [file, column === undefined ? '' : `, column ${column}`, line === undefined ? '' : `, line ${line}`].join('') +
  `: ${message}${mend === undefined ? '' : `; ${mend}`}`;

/** The content as a file with this extension, which readers go by; a link that is gone afterwards. */
async function withLocalFile<T>(
  { artifacts }: Doors,
  digest: Digest,
  extension: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'value-train-'));
  try {
    const path = join(folder, `data${extension}`);
    await symlink(await artifacts.localPath(digest), path);
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
