import { expect, it } from '@jest/globals';
import { orchestrationOf, type Timed } from './orchestration.ts';
import { pipelineWith, trainId } from './testing/pipelines.ts';

const [phase] = pipelineWith([
  {
    id: 'training',
    next: null,
    actions: [
      { id: 'read', title: 'Read', tool: 'lab.read' },
      { id: 'fit', title: 'Fit', tool: 'lab.fit', needs: ['read'] },
      { id: 'draw', title: 'Draw', tool: 'lab.draw', needs: ['read'] },
      { id: 'tell', title: 'Tell', tool: 'lab.tell', needs: ['fit', 'draw'] },
      { id: 'skip', title: 'Skip', tool: 'lab.skip', required: false },
    ],
  },
]).phases;

const about = { trainId, ticketId: `training_1_1_${trainId}`, phase: 'training', agent: 'lab', fence: 1 };
const usage = (wallMs: number) => ({ cpuMs: 0, wallMs, tokens: [] });
const completed = (action: string, endedAt: number, wallMs: number) =>
  ({
    atMs: endedAt,
    event: { type: 'ActionCompleted', data: { ...about, action, tool: 'x', facts: {}, usage: usage(wallMs) } },
  }) as unknown as Timed;
const failed = (action: string, endedAt: number, wallMs: number) =>
  ({
    atMs: endedAt,
    event: { type: 'ActionFailed', data: { ...about, action, usage: usage(wallMs) } },
  }) as unknown as Timed;

it('compares what side by side took with one after the other, and with the longest way', () => {
  const events = [
    completed('read', 100, 100),
    failed('draw', 130, 20),
    failed('draw', 150, 20),
    completed('draw', 350, 150),
    completed('fit', 500, 400),
    completed('tell', 560, 50),
  ];
  expect(orchestrationOf(phase!, events)).toEqual({
    actions: [
      { action: 'read', by: 'lab', wave: 1, wallMs: 100, lostMs: 0, handoffMs: 0 },
      { action: 'fit', by: 'lab', wave: 2, wallMs: 400, lostMs: 0, handoffMs: 0 },
      { action: 'draw', by: 'lab', wave: 2, wallMs: 150, lostMs: 40, handoffMs: 0 },
      { action: 'tell', by: 'lab', wave: 3, wallMs: 50, lostMs: 0, handoffMs: 0 },
    ],
    waves: 3,
    wallMs: 560,
    sequentialMs: 700,
    criticalMs: 550,
    criticalPath: ['read', 'fit', 'tell'],
  });
});

it('counts what it takes to hand something off, as time and not as work', () => {
  const handoff = `training_1_1_read_1_${trainId}`;
  const offered = { type: 'HandoffOffered', data: { ...about, action: 'read', handoff } };
  const read = completed('read', 160, 100);
  const taken = { ...read, event: { ...read.event, data: { ...read.event.data, agent: 'studio', handoff } } };
  const events = [{ atMs: 20, event: offered }, taken, completed('fit', 300, 140)] as unknown as Timed[];
  expect(orchestrationOf(phase!, events)).toMatchObject({
    actions: [
      { action: 'read', by: 'studio', wallMs: 100, handoffMs: 40 },
      { action: 'fit', by: 'lab', handoffMs: 0 },
    ],
    ...{ wallMs: 280, sequentialMs: 240, criticalMs: 240 },
  });
});

it('leaves out what was rolled back, and says nothing of nothing', () => {
  const undone = { type: 'SessionRolledBack', data: { ...about, to: 1, undone: ['fit'], reason: 'x', by: 'Olga' } };
  const back = { atMs: 300, event: undone } as unknown as Timed;
  expect(orchestrationOf(phase!, [completed('read', 100, 100), completed('fit', 200, 90), back])).toMatchObject({
    actions: [{ action: 'read' }],
    wallMs: 100,
    criticalPath: ['read'],
  });
  expect(orchestrationOf(phase!, [])).toBeUndefined();
});
