import { Digest, TrainId } from '@vt/kernel';
import { Charter, GateRow, PauseRow, PhaseRow, SessionRow, TrainRow, TrainStatus } from '@vt/value-train';
import { z } from 'zod';
import { operation, Paged } from '../edge/operation.ts';
import { pageOf } from '../edge/pages.ts';

export const OfTrain = z.object({ trainId: TrainId });
const Reason = z.strictObject({ reason: z.string().min(1) });
const tag = 'trains';

export const StartedTrain = z.object({ trainId: TrainId });

export const startTrain = operation({
  id: 'startTrain',
  method: 'POST',
  path: '/v1/trains',
  tag,
  summary: 'Put a project on a pipeline',
  role: 'operator',
  body: z.strictObject({
    charter: Charter,
    data: Digest.nullable()
      .default(null)
      .describe('Content of the data file, uploaded before; null when there is none.'),
    pipeline: z.string().default('ml-delivery'),
  }),
  answer: { status: 201, description: 'The train that was started.', schema: StartedTrain },
});

export const listTrains = operation({
  id: 'listTrains',
  method: 'GET',
  path: '/v1/trains',
  tag,
  summary: 'List trains, the newest first',
  role: 'viewer',
  query: Paged.extend({ status: TrainStatus.optional() }),
  answer: { status: 200, description: 'A page of trains.', schema: pageOf(TrainRow) },
});

export const ShownTrain = TrainRow.extend({
  pauses: z.array(PauseRow).describe('Every pause that covers it, or the work on its ticket: why nothing moves.'),
});

export const getTrain = operation({
  id: 'getTrain',
  method: 'GET',
  path: '/v1/trains/{trainId}',
  tag,
  summary: 'Show where a train stands',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'The train.', schema: ShownTrain },
});

export const ShownPhase = PhaseRow.extend({ durationMs: z.int().nullable().describe('null while it goes on.') });

export const listPhases = operation({
  id: 'listPhases',
  method: 'GET',
  path: '/v1/trains/{trainId}/phases',
  tag,
  summary: 'List the phases that a train has entered, by cycle, in order',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'Its phases.', schema: z.object({ items: z.array(ShownPhase) }) },
});

export const listGates = operation({
  id: 'listGates',
  method: 'GET',
  path: '/v1/trains/{trainId}/gates',
  tag,
  summary: 'List what the gates said of each attempt, with every check',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'Its gates.', schema: z.object({ items: z.array(GateRow) }) },
});

export const listSessions = operation({
  id: 'listSessions',
  method: 'GET',
  path: '/v1/trains/{trainId}/sessions',
  tag,
  summary: 'List the sessions of agents, with their actions',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'Its sessions.', schema: z.object({ items: z.array(SessionRow) }) },
});

const steer = <const Id extends string, Body extends z.ZodType>(id: Id, verb: string, summary: string, body: Body) =>
  operation({
    id,
    method: 'POST',
    path: `/v1/trains/{trainId}/${verb}`,
    tag,
    summary,
    role: 'operator',
    params: OfTrain,
    body,
    answer: { status: 204, description: 'It is so from the position in `VT-Position` on.' },
  });

export const pauseTrain = steer('pauseTrain', 'pause', 'Hand out no new work', Reason);
export const resumeTrain = steer('resumeTrain', 'resume', 'Go on where it stopped', z.strictObject({}).default({}));
export const abortTrain = steer('abortTrain', 'abort', 'End the train', Reason);
export const unblockTrain = steer('unblockTrain', 'unblock', 'Give a blocked phase another try', Reason);

export const followTrain = operation({
  id: 'followTrain',
  method: 'GET',
  path: '/v1/trains/{trainId}/events',
  tag,
  summary: 'Follow the timeline of a train as server-sent events',
  role: 'viewer',
  params: OfTrain,
  query: z.object({
    after: z.coerce.number().int().nonnegative().default(0).describe('Position to go on from; `Last-Event-ID` wins.'),
  }),
  answer: {
    status: 200,
    description:
      'The events so far, then each as it happens; the id of an event is its position. `pauses` has none: what covers the train, first and whenever that changes.',
    mediaType: 'text/event-stream',
  },
});
