import { z } from 'zod';

/** Unknown fields are dropped on read, so a producer may add a field before its consumers know it. */
export const defineEvent = <Type extends string, Shape extends z.core.$ZodLooseShape>(
  type: Type,
  description: string,
  data: Shape,
) => z.object({ type: z.literal(type), data: z.object(data) }).meta({ description });
