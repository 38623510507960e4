import { Controller, Inject } from '@nestjs/common';
import { Problem } from '@vt/service';
import { Pipeline } from '@vt/value-train';
import { z } from 'zod';
import type { Doors } from '../doors.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { DoorsToken } from '../edge/tokens.ts';

const tag = 'pipelines';
const Summary = Pipeline.pick({ id: true, version: true, title: true, description: true }).extend({
  digest: z.string(),
  phases: z.array(z.object({ id: z.string(), title: z.string() })),
});

const listPipelines = operation({
  id: 'listPipelines',
  method: 'GET',
  path: '/v1/pipelines',
  tag,
  summary: 'List the pipelines that a train can be put on',
  role: 'viewer',
  answer: { status: 200, description: 'The pipelines.', schema: z.object({ items: z.array(Summary) }) },
});

const getPipeline = operation({
  id: 'getPipeline',
  method: 'GET',
  path: '/v1/pipelines/{pipelineId}',
  tag,
  summary: 'Show a pipeline whole',
  role: 'viewer',
  params: z.object({ pipelineId: z.string() }),
  answer: { status: 200, description: 'The pipeline.', schema: Pipeline.extend({ digest: z.string() }) },
});

@Controller()
export class PipelinesController {
  constructor(@Inject(DoorsToken) private readonly doors: Doors) {}

  @Handles(listPipelines)
  list(_: Incoming<typeof listPipelines>): Promise<Answered> {
    const items = this.doors.pipelines.map(({ pipeline, digest }) => {
      const { id, version, title, description, phases } = pipeline;
      return { id, version, title, description, digest, phases: phases.map(({ id, title }) => ({ id, title })) };
    });
    return Promise.resolve({ body: { items } });
  }

  @Handles(getPipeline)
  show({ params: { pipelineId } }: Incoming<typeof getPipeline>): Promise<Answered> {
    const found = this.doors.pipelines.find(({ pipeline }) => pipeline.id === pipelineId);
    if (found === undefined) throw new Problem(404, 'not-found', `there is no pipeline ${pipelineId}`);
    return Promise.resolve({ body: { ...found.pipeline, digest: found.digest } });
  }
}
