import { CommandId, Instant, Rejection } from '@vt/kernel';
import type { Log } from '@vt/messaging';
import { randomUUID } from 'node:crypto';
import { permissionsOf, permit, type Bundle } from '@vt/value-train';
import type { ModelProvider } from '../tools/model.ts';
import { narrate } from '../tools/narration.ts';
import type { Claim } from '../work/work-items.ts';
import type { InWords } from './bundles.ts';
import type { SessionDependencies } from './session.ts';
import { UsageMeter } from './usage.ts';

type Archiving = Pick<SessionDependencies, 'bundles' | 'execute' | 'workbench' | 'model' | 'log'>;

/** A model that is away, or says what nobody told it, leaves a bundle without words, and nothing else. */
const inWordsOf =
  (model: ModelProvider, meter: UsageMeter, log: Log, signal: AbortSignal): InWords =>
  async (bundle) => {
    const { metadata, ...facts } = bundle;
    const metering = { model: meter.model.bind(meter), load: meter.load.bind(meter) };
    const material = { section: 'What happened in this session', facts, plain: plainWordsOf(bundle) };
    try {
      const narrated = await narrate(model, material, { metering, signal });
      return 'text' in narrated ? narrated.text : undefined;
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, ticketId: metadata.ticketId }, 'a bundle stays without words: the model is away');
      return undefined;
    }
  };

const plainWordsOf = ({ mission, state, decisions, questions }: Bundle): string =>
  [
    `${mission.goal}. The work was ${state.status}. Completed: ${state.completed.join(', ') || 'nothing'}.`,
    ...state.failures.map(({ action, reason }) => `${action} failed: ${reason}.`),
    ...decisions.map(({ decision, rationale }) => `Decided: ${decision}, because ${rationale}.`),
    ...questions.map(({ question }) => `Open: ${question}`),
  ].join('\n');

/**
 * Keeps the last bundle of a session that has ended, put into words where its mode may ask a model, and closes its
 * stream. Done again, it does nothing.
 * @throws Error when it can not be done now; Rejection `law-broken` when it never can
 */
export const archiveSession = async (
  { ticket, eventId: causationId, correlationId }: Claim,
  { bundles, execute, workbench, model, log }: Archiving,
  signal: AbortSignal,
): Promise<void> => {
  const { tenant, ticketId, agent: actor } = ticket;
  const meter = new UsageMeter();
  const { pipeline, mode } = await workbench.placeOf(ticket);
  const mayAsk = permit(permissionsOf(mode), { kind: 'tool', name: 'model' }).effect === 'allow';
  const made = await bundles.make(ticket, model && mayAsk ? inWordsOf(model, meter, log, signal) : undefined);
  const usage = meter.stop();
  // Called off before anybody began it.
  if (made === undefined) return;
  await bundles.keep(made);
  const asked = usage.tokens.length > 0 ? { usage } : {};
  await execute(
    { type: 'Archive', ticketId, bundle: made.ref, laws: pipeline.laws ?? {}, ...asked },
    {
      tenant,
      commandId: CommandId.parse(randomUUID()),
      causation: { actor, causationId, correlationId },
      at: Instant.parse(new Date().toISOString()),
    },
  );
};

export const isRefusedForGood = (error: unknown): boolean => error instanceof Rejection && error.code === 'law-broken';
