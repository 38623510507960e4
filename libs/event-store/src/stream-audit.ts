import { NO_STREAM, type Head } from '@vt/kernel';
import { canonicalJson } from './canonical-json.ts';
import { hashAfter, type Content } from './chain.ts';

/** Something in the store that is not as it was written, and where. */
export interface Problem {
  readonly tenant?: string;
  readonly stream?: string;
  readonly version?: number;
  readonly position?: number;
  readonly problem: string;
}

/** An event with what the other tables say about it. */
export interface AuditedRow {
  readonly tenant: string;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly commandId: string | null;
  readonly bytes: string;
  readonly hash: string;
  /** Its place in the global log, and the tenant and type noted there; null while it waits. */
  readonly position: number | null;
  readonly logTenant: string | null;
  readonly logType: string | null;
  readonly waiting: boolean;
  /** The row of its stream, if that stands at this event. */
  readonly headHash: string | null;
  readonly previousVersion: number | null;
  readonly previousHash: string | null;
}

interface Seen {
  readonly row: AuditedRow;
  readonly content: Partial<Content>;
}

/** Checks events that come ordered by stream, tenant and version, and remembers no more than the one before. */
export class StreamAudit {
  readonly #report: (problem: Problem) => void;
  #before: Seen | undefined;
  /** Where the stream stood before the append that the event before belongs to. */
  #appendFrom: Head = NO_STREAM;

  constructor(report: (problem: Problem) => void) {
    this.#report = report;
  }

  next(row: AuditedRow): void {
    const seen = { row, content: contentOf(row.bytes) };
    const before = this.#before;
    const continues = before !== undefined && before.row.tenant === row.tenant && before.row.stream === row.stream;
    if (!continues) {
      this.end();
      this.#appendFrom = NO_STREAM;
    } else {
      this.#checkBetween(before, seen);
      if (before.row.commandId !== null) this.#appendFrom = { version: before.row.version, hash: before.row.hash };
    }
    for (const problem of problemsOf(seen)) this.#tell(row, problem);
    for (const problem of chainProblems(row, continues ? before.row : undefined)) this.#tell(row, problem);
    this.#before = seen;
  }

  /** Call it after the last event. */
  end(): void {
    if (this.#before === undefined) return;
    const { row } = this.#before;
    this.#before = undefined;
    if (row.commandId === null) this.#tell(row, 'command_id is missing: the append has no end');
    if (row.headHash === null) this.#tell(row, 'the stream does not stand at its last event');
    else if (row.headHash !== row.hash) this.#tell(row, 'the hash of the stream is not that of its last event');
    else if (row.previousVersion !== this.#appendFrom.version || row.previousHash !== this.#appendFrom.hash) {
      this.#tell(row, 'the stream did not stand where it says before the last append');
    }
  }

  #checkBetween({ row, content }: Seen, next: Seen): void {
    const together = content.commandId === next.content.commandId;
    if (together && row.commandId !== null) this.#tell(row, 'command_id is not at the end of its append');
    if (!together && row.commandId === null) this.#tell(row, 'command_id is missing: the append has no end');
    if (row.headHash !== null) this.#tell(row, 'the stream stands here, but has later events');
  }

  #tell({ tenant, stream, version, position }: AuditedRow, problem: string): void {
    this.#report({ tenant, stream, version, ...(position !== null && { position }), problem });
  }
}

/** Bytes that are not those of an event have no content; that they are not is found by `problemsOf`. */
const contentOf = (bytes: string): Partial<Content> => {
  try {
    const parsed: unknown = JSON.parse(bytes);
    return typeof parsed === 'object' && parsed !== null && canonicalJson(parsed) === bytes ? parsed : {};
  } catch {
    return {};
  }
};

const problemsOf = ({ row, content }: Seen): readonly string[] => {
  if (content.version === undefined) return ['bytes are not an event in canonical JSON'];
  const problems: string[] = [];
  for (const column of ['tenant', 'stream', 'version', 'type'] as const) {
    if (row[column] !== content[column]) problems.push(`${column} is not what the bytes say (${content[column]})`);
  }
  if (row.commandId !== null && row.commandId !== content.commandId) {
    problems.push(`command_id is not what the bytes say (${content.commandId})`);
  }
  if (row.position === null && !row.waiting) problems.push('has no position, and does not wait for one');
  if (row.position !== null && row.waiting) problems.push('has a position, and still waits for one');
  if (row.position !== null && row.logTenant !== row.tenant) problems.push('the log names another tenant');
  if (row.position !== null && row.logType !== row.type) problems.push('the log names another type');
  return problems;
};

const chainProblems = (row: AuditedRow, before: AuditedRow | undefined): readonly string[] => {
  const problems: string[] = [];
  const expected = (before?.version ?? 0) + 1;
  if (row.version !== expected) problems.push(`comes after version ${expected - 1} of its stream`);
  if (row.hash !== hashAfter(before?.hash ?? NO_STREAM.hash, row.bytes)) {
    problems.push('hash is not that of the bytes and the hash before');
  }
  const unordered = before !== undefined && row.position !== null && !((before.position ?? Infinity) < row.position);
  if (unordered) problems.push('comes before the previous event of its stream in the log');
  return problems;
};
