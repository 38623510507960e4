import type { ProblemPart } from '@vt/service';
import type { z } from 'zod';

const pointerOf = (path: readonly PropertyKey[]) =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** Every mistake that a schema found, each at its place; an unknown field is a mistake at its own place. */
export const partsOf = (error: z.ZodError, at: readonly PropertyKey[] = []): ProblemPart[] =>
  error.issues.flatMap((issue) => partsOfIssue(issue, at));

/** PostgreSQL takes no NUL, and a lone surrogate has no bytes to be hashed. */
export const isText = (value: string): boolean => value.isWellFormed() && !value.includes('\0');

/** Every text in a checked value that is none, at its place. */
export function textProblems(value: unknown, at: readonly string[] = []): ProblemPart[] {
  if (typeof value === 'string') {
    const detail = 'this is not text: remove NUL characters and halves of surrogate pairs';
    return isText(value) ? [] : [{ pointer: pointerOf(at).toWellFormed(), detail }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const place = [...at, key];
    return [...(isText(key) ? [] : textProblems(key, place)), ...textProblems(inner, place)];
  });
}

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
