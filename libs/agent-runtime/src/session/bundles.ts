import { sessionStream, type Artifact } from '@vt/contracts';
import { Rejection, type Digest, type EventStore } from '@vt/kernel';
import {
  Bundle,
  bundleOf,
  bundleProblems,
  evolveSession,
  retentionOf,
  UNKNOWN,
  type BundleRef,
  type Retention,
  type SessionEvent,
} from '@vt/value-train';
import type { Ticket } from '../action.ts';
import { ArtifactDamaged, ArtifactMissing, digestOf, type ArtifactStore } from '../artifacts/artifact-store.ts';
import { countTokens, TOKENIZER } from '../tools/tokenizer.ts';
import type { Workbench } from './workbench.ts';

/** What a reader can take in; of tables, pictures and archives an agent is told by their paths. */
const DOCUMENTS: ReadonlySet<string> = new Set([
  'application/json',
  'application/x-ipynb+json',
  'application/yaml',
  'text/markdown',
  'text/plain',
]);

/** A bundle, what it was made from, and what is wrong with it. */
export interface MadeBundle {
  readonly bundle: Bundle;
  readonly ref: BundleRef;
  /** Tokens of the log alone; the rest of `ref.sourceTokens` are documents. */
  readonly logTokens: number;
  /** As JSON. */
  readonly content: Buffer;
  readonly retention: Retention;
  /** It is the one that was kept when the session was archived. */
  readonly archived: boolean;
  /** Empty when it may be used. */
  readonly problems: readonly string[];
}

/** Puts a bundle into words; undefined when there is nobody who could, or what they said is of no use. */
export type InWords = (bundle: Bundle) => Promise<string | undefined>;

/** Makes bundles of sessions, and keeps them. The same log gives the same bundle, byte for byte. */
export class Bundles {
  private readonly store: Pick<EventStore, 'read'>;
  private readonly artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  private readonly workbench: Workbench;

  constructor(store: Pick<EventStore, 'read'>, artifacts: Pick<ArtifactStore, 'put' | 'read'>, workbench: Workbench) {
    this.store = store;
    this.artifacts = artifacts;
    this.workbench = workbench;
  }

  /** The bundle of a session as it stands; undefined when nobody has begun it. One that was archived has its words. */
  async make(
    ticket: Pick<Ticket, 'tenant' | 'trainId' | 'ticketId' | 'phase'>,
    inWords?: InWords,
  ): Promise<MadeBundle | undefined> {
    const recorded = await this.store.read<SessionEvent>(ticket.tenant, sessionStream(ticket.ticketId));
    const log = recorded.map(({ event }) => event);
    const end = log.at(-1);
    const archived = end?.type === 'SessionArchived' ? end.data.bundle : undefined;
    const events = toldOf(archived ? log.slice(0, -1) : log);
    const session = events.reduce(evolveSession, UNKNOWN);
    if (session.status === 'unknown' || session.status === 'archived') return undefined;
    const { phase, train } = await this.workbench.placeOf(ticket);
    const charter = await this.workbench.materialsOf(train).then(({ charter }) => charter, unlessRefused);
    const told = Buffer.from(JSON.stringify(bundleOf(session, events, { phase, trainName: train.name, charter })));
    const [content, damage] = archived ? await this.kept(archived, told) : [told, []];
    const [logTokens, documents] = await Promise.all([
      countTokens(events.map((event) => JSON.stringify(event)).join('\n')),
      this.tokensOf(documentsOf(events)),
    ]);
    const sourceTokens = logTokens + documents;
    const madeOf = async (content: Buffer): Promise<MadeBundle> => {
      const text = content.toString('utf8');
      // As whoever loads it will read it.
      const bundle = Bundle.parse(JSON.parse(text));
      const tokens = await countTokens(text);
      return {
        bundle,
        content,
        ref: { bundle: digestOf(content), sourceVersion: events.length, tokenizer: TOKENIZER, tokens, sourceTokens },
        logTokens,
        retention: retentionOf(bundle, events, phase),
        archived: archived !== undefined,
        problems: [...damage, ...bundleProblems(bundle, events, phase, { tokens, sourceTokens })],
      };
    };
    const made = await madeOf(content);
    const summary = archived ? undefined : await inWords?.(made.bundle);
    if (summary === undefined) return made;
    const worded = await madeOf(Buffer.from(JSON.stringify({ ...made.bundle, summary })));
    // Words that make it too long are not worth it.
    return worded.problems.length > made.problems.length ? made : worded;
  }

  async keep({ content }: Pick<MadeBundle, 'content'>): Promise<void> {
    await this.artifacts.put(content);
  }

  /** What was kept under a digest; where that is gone or damaged, what the log gives, and the damage. */
  private async kept(digest: Digest, told: Buffer): Promise<[Buffer, string[]]> {
    try {
      return [await this.artifacts.read(digest), []];
    } catch (error) {
      if (!(error instanceof ArtifactMissing || error instanceof ArtifactDamaged)) throw error;
      return [told, [error.message]];
    }
  }

  private async tokensOf(documents: readonly Artifact[]): Promise<number> {
    const counts = await Promise.all(
      documents.map(async ({ digest }) => countTokens((await this.artifacts.read(digest)).toString('utf8'))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** A train that was started without a charter has sessions that end soon; they can be told of all the same. */
const unlessRefused = (error: unknown): undefined => {
  if (!(error instanceof Rejection)) throw error;
};

/** That a bundle was saved is nothing that it could tell of. */
const toldOf = (events: readonly SessionEvent[]): readonly SessionEvent[] => {
  const last = events.findLastIndex(({ type }) => type !== 'BundleSaved' && type !== 'SessionPaused');
  return events[last + 1]?.type === 'BundleSaved' ? events.slice(0, last + 1) : events;
};

const documentsOf = (events: readonly SessionEvent[]): readonly Artifact[] => {
  const touched = events.flatMap((event) =>
    event.type === 'ActionCompleted' ? [...event.data.artifacts, ...(event.data.read ?? [])] : [],
  );
  return [...new Map(touched.map((artifact) => [artifact.digest, artifact])).values()].filter(({ mediaType }) =>
    DOCUMENTS.has(mediaType),
  );
};
