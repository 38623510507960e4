import { migrate, poolFor, PostgresEventStore } from '@vt/event-store';
import { NO_STREAM, type CommandId, type Head, type Instant, type TenantId } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import { CAUSATION, EVENT, type OpenAppender } from './appender.ts';

const BENCH = 'bench' as TenantId;

export const open: OpenAppender = async (url) => {
  await migrate(url);
  const pool = poolFor(url, 'vt_service');
  const store = new PostgresEventStore(pool);
  return {
    stream: (stream) => {
      let expected: Head = NO_STREAM;
      return async () => {
        const outcome = await store.append({
          tenant: BENCH,
          stream,
          expected,
          commandId: randomUUID() as CommandId,
          causation: CAUSATION,
          at: new Date().toISOString() as Instant,
          events: [EVENT],
        });
        if (outcome.kind !== 'appended') throw new Error(`${stream}: ${outcome.kind}`);
        expected = outcome.head;
      };
    },
    close: () => pool.end(),
  };
};
