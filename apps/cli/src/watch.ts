import { z } from 'zod';
import type { Api, TimelineEvent } from './api.ts';
import {
  boardLines,
  changeLine,
  emptyBoard,
  isAtEnd,
  onBoard,
  underPauses,
  type Board,
  type BoardPhase,
} from './board.ts';
import { surroundings } from './config.ts';
import { fitted, shown } from './output.ts';

const REDRAW_MS = 250;
const AWAY = 'the station does not answer: trying again until it does';
// Line by line: clearing a whole screen first would flicker, and some terminals keep what was cleared.
const CLEAR_LINE = '\u001b[K';
const CLEAR_DOWN = '\u001b[0J';
const up = (lines: number) => `\u001b[${lines}A\r`;

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Called for every event, before the board shows it; may speak with the person while the board waits. */
  readonly onEvent?: (event: TimelineEvent, hush: <T>(talk: () => Promise<T>) => Promise<T>) => Promise<void>;
}

/** Shows a train on standard error until it can go no further: a board on a terminal, else a line for each change. */
export async function watchTrain(api: Api, trainId: string, { signal, onEvent }: WatchOptions): Promise<Board> {
  const phases = await phasesOf(api, trainId);
  const ended = new AbortController();
  const painter = surroundings.isTerminal ? new Painter(phases) : undefined;
  let board = emptyBoard;
  try {
    const onAway = () => {
      if (painter) painter.show({ ...board, remark: AWAY });
      else process.stderr.write(`${AWAY}\n`);
    };
    for await (const event of api.follow(trainId, AbortSignal.any([signal, ended.signal]), onAway)) {
      if ('pauses' in event) {
        const { lines, ...covered } = underPauses(board, event.pauses);
        board = covered.board;
        if (painter) painter.show(board);
        else for (const line of lines) process.stderr.write(`${line}\n`);
        continue;
      }
      board = onBoard(board, event);
      if (painter) painter.show(board);
      else {
        const line = changeLine(event);
        if (line) process.stderr.write(`${line}\n`);
      }
      await onEvent?.(event, (talk) => (painter ? painter.hush(talk) : talk()));
      if (isAtEnd(board) && (await isStill(api, trainId, board.status, event.position))) break;
    }
  } finally {
    ended.abort();
    painter?.stop();
  }
  return board;
}

/** A timeline is read from its beginning: what was blocked then may have been freed since. */
async function isStill(api: Api, trainId: string, status: string, position: number): Promise<boolean> {
  if (status !== 'blocked') return true;
  const now = await api.get(`/v1/trains/${trainId}?minPosition=${position}`, z.object({ status: z.string() }));
  return now.status === status;
}

const Phases = z.object({
  phases: z.array(z.object({ id: z.string(), title: z.string(), actions: z.array(z.unknown()) })),
});

async function phasesOf(api: Api, trainId: string): Promise<BoardPhase[]> {
  const { pipeline } = await api.get(`/v1/trains/${trainId}`, z.object({ pipeline: z.object({ id: z.string() }) }));
  const { phases } = await api.get(`/v1/pipelines/${pipeline.id}`, Phases);
  return phases.map(({ id, title, actions }) => ({ id, title, actions: actions.length }));
}

/** Draws over its last drawing. */
class Painter {
  private lines = 0;
  private board = emptyBoard;
  private quiet = false;
  private readonly timer: NodeJS.Timeout;

  private readonly phases: readonly BoardPhase[];

  constructor(phases: readonly BoardPhase[]) {
    this.phases = phases;
    this.timer = setInterval(() => this.draw(), REDRAW_MS);
  }

  show(board: Board): void {
    this.board = board;
  }

  async hush<T>(talk: () => Promise<T>): Promise<T> {
    this.draw();
    this.quiet = true;
    this.lines = 0;
    try {
      return await talk();
    } finally {
      this.quiet = false;
    }
  }

  stop(): void {
    clearInterval(this.timer);
    this.draw();
  }

  private draw(): void {
    if (this.quiet) return;
    const lines = boardLines(this.board, this.phases, Date.now(), surroundings.rows()).map(
      (line) => shown(process.stderr, fitted(line, surroundings.columns())) + CLEAR_LINE,
    );
    process.stderr.write(`${this.lines > 0 ? up(this.lines) : ''}${lines.join('\n')}\n${CLEAR_DOWN}`);
    this.lines = lines.length;
  }
}
