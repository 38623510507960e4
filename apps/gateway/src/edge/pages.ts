import type { Kept, Reader, Selection, View } from '@vt/read-models';
import { Problem } from '@vt/service';
import { z } from 'zod';
import type { Principal } from '../keys/api-keys.ts';
import { isText } from './invalid.ts';
import type { Answered } from './operation.ts';

const Place = z.tuple([z.int().nonnegative(), z.string().refine(isText)]);

/** Opaque to clients: where in the list the page ended. */
export const cursorOf = ({ firstPosition, key }: { firstPosition: number; key: string }): string =>
  Buffer.from(JSON.stringify([firstPosition, key])).toString('base64url');

export function placeOf(cursor: string): { firstPosition: number; key: string } {
  try {
    const [firstPosition, key] = Place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { firstPosition, key };
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      const errors = [{ pointer: '/after', detail: 'not a cursor that a page before has given' }];
      throw new Problem(400, 'invalid', 'the query is not valid: see errors', errors);
    }
    throw error;
  }
}

/** A row as clients see it: without what the runner keeps. */
export const shown = <Row extends object>(row: Kept<Row>): Row => {
  const { key: _, firstPosition: __, lastPosition: ___, ...rest } = row;
  return rest as unknown as Row;
};

/** A list as it is answered. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().nullable().describe('Cursor of the next page; null at the end.') });

/** One page of a view: one row more is read than is shown, to know whether there is another page. */
export async function page<Row extends object, Shown = Row>(
  reader: Reader,
  { tenant }: Principal,
  view: View<Row>,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
  selection: Omit<Selection<Row>, 'limit' | 'after'>,
  show: (row: Kept<Row>) => Shown = shown as (row: Kept<Row>) => Shown,
): Promise<Answered> {
  const place = after === undefined ? undefined : placeOf(after);
  const { value, position } = await reader.rows(tenant, view, { ...selection, limit: limit + 1, after: place });
  const last = value.length > limit ? value[limit - 1] : undefined;
  const next = last && cursorOf(last);
  return { body: { items: value.slice(0, limit).map(show), next: next ?? null }, position, next };
}
