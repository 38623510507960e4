import type { ProblemPart } from '@vt/service';
import type { z } from 'zod';

const pointerOf = (path: readonly PropertyKey[]) =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** Every mistake that a schema found, each at its place; an unknown field is a mistake at its own place. */
export const partsOf = (error: z.ZodError, at: readonly PropertyKey[] = []): ProblemPart[] =>
  error.issues.flatMap((issue) => partsOfIssue(issue, at));

function partsOfIssue(issue: z.core.$ZodIssue, at: readonly PropertyKey[]): ProblemPart[] {
  const path = [...at, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ pointer: pointerOf([...path, key]), detail: `unknown field ${key}: remove it` }));
  }
  if (issue.code === 'invalid_union') {
    // The branch with the fewest mistakes is the one that was meant.
    const [nearest] = issue.errors.filter((branch) => branch.length > 0).toSorted((a, b) => a.length - b.length);
    if (nearest) return nearest.flatMap((inner) => partsOfIssue(inner, path));
  }
  return [{ pointer: pointerOf(path), detail: issue.message }];
}
