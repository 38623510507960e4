import { expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DomainEvent, EVENT_TYPES } from './catalogue.ts';

const folder = join(import.meta.dirname, 'golden');
const files = readdirSync(folder);

// A golden file is an event as it was once written to a log. It is added with the event and never edited.
it.each(files)('%s can still be read, whole', (file) => {
  const written: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  expect(DomainEvent.parse(written)).toEqual(written);
});

it('every event has a golden file', () => {
  expect(EVENT_TYPES.filter((type) => !files.includes(`${type}.v1.json`))).toEqual([]);
});
