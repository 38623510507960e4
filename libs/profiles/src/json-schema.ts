import { Pipeline } from '@vt/value-train';
import { z } from 'zod';

/** JSON Schema of a pipeline file as a person writes it, in the draft that editors complete by. */
export const pipelineJsonSchema = () => ({
  title: 'Value Train pipeline',
  ...z.toJSONSchema(Pipeline, { io: 'input', target: 'draft-7' }),
});
