import { beforeAll, describe, expect, it } from '@jest/globals';
import { trainStream } from '@vt/contracts';
import { bundleLine, canonicalJson, MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Digest, Instant, TenantId, TrainId, type Recorded } from '@vt/kernel';
import { contentOfPipeline, readPipeline, signVerdict } from '@vt/profiles';
import {
  decisionAbout,
  Pipeline,
  receiptOf,
  ticketIdOf,
  trainDecider,
  type TrainCommand,
  type TrainEvent,
} from '@vt/value-train';
import fc from 'fast-check';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { NotProven, verifyReceipt } from './gate-verification.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const trainId = TrainId.parse(randomUUID());
const tenant = TenantId.parse('acme');
const model = { path: 'model.tgz', digest: Digest.parse(`sha256:${'a'.repeat(64)}`), size: 7, mediaType: 'x' };

const { content, digest, pipeline } = readPipeline(
  contentOfPipeline(
    Pipeline.parse({
      ...{ id: 'small', version: 3, title: 'Small', description: 'One phase.' },
      verifiers: [{ id: 'ci', publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') }],
      modes: [{ id: 'build', title: 'Build', agents: ['lab'], tools: ['lab.*'], transitions: ['build'] }],
      phases: [
        {
          ...{ id: 'training', title: 'Training', group: 'delivery', owner: 'lab', mode: 'build', next: null },
          actions: [{ id: 'train', title: 'Train', tool: 'lab.train', produces: ['model.tgz'] }],
          artifacts: [{ path: 'model.tgz' }],
          exit: [{ id: 'ci', says: 'CI is green.', check: { kind: 'external', verifier: 'ci' } }],
          ends: [{ outcome: 'close', as: 'completed' }],
        },
      ],
    }),
  ),
);

const said = {
  ...{ trainId, phase: 'training', cycle: 1, attempt: 1, verifier: 'ci' },
  ...{ outcome: 'pass' as const, evidence: [model.digest], reason: '212 tests' },
};

/** A train whose gate was held, and passed when the verifier had spoken. */
async function ridden(signature: string): Promise<readonly Recorded<TrainEvent>[]> {
  const store = new MemoryEventStore();
  const conduct = commandHandler(
    trainDecider(() => pipeline),
    () => trainStream(trainId),
    store,
  );
  const commands: TrainCommand[] = [
    {
      ...{ type: 'StartTrain', trainId, name: 'Rain', client: 'Open Air', inputs: [], budget: null, approvers: [] },
      ...{ pipeline: { id: 'small', version: 3, digest }, by: 'olga' },
    },
    {
      ...{ type: 'JudgeWork', trainId, ticketId: ticketIdOf(trainId, 'training', 1, 1), artifacts: [model], facts: {} },
      ...{ checklist: ['train'], outcome: 'close' },
      checks: [{ id: 'artifact:model.tgz', outcome: 'met', reason: 'opens' }],
      observed: { risks: [], spend: { spent: null, budget: null, share: null, unpriced: 0 } },
    },
    { type: 'ReportVerdict', ...said, signature },
  ];
  for (const command of commands) {
    await conduct(command, {
      ...{ tenant, commandId: CommandId.parse(randomUUID()), at: Instant.parse('2026-11-21T10:00:00.000Z') },
      causation: { actor: 'olga', causationId: 'c', correlationId: 'r' },
    });
  }
  return store.read<TrainEvent>(tenant, trainStream(trainId));
}

const bundleOf = (stream: readonly Recorded<TrainEvent>[]) =>
  [`{"digest":"${digest}","pipeline":${content.toString('utf8')}}`, ...stream.map(bundleLine), ''].join('\n');
const receiptIn = (stream: readonly Recorded<TrainEvent>[]) =>
  `${canonicalJson(receiptOf(decisionAbout(stream, { phase: 'training' })!, stream, pipeline))}\n`;

let stream: readonly Recorded<TrainEvent>[];
let bundle: string;
let receipt: string;
beforeAll(async () => {
  stream = await ridden(signVerdict(said, privateKey));
  [bundle, receipt] = [bundleOf(stream), receiptIn(stream)];
});

const about = `train-${trainId}@6, the gate of training, lap 1, attempt 1`;

it('proves a receipt by its bundle, with the signature of the verifier', () => {
  expect(verifyReceipt(receipt, bundle)).toEqual({ decision: about, events: 8, signatures: 1 });
  expect(JSON.parse(receipt)).toMatchObject({
    ...{ id: `train-${trainId}@6`, verdict: 'passed', actor: 'olga', policy: { id: 'small', version: 3, digest } },
    checks: expect.arrayContaining([
      expect.objectContaining({ id: 'criterion:ci', outcome: 'met', inputs: [model.digest] }),
    ]),
    verdicts: [expect.objectContaining({ verifier: 'ci', reason: '212 tests' })],
  });
});

describe('one changed byte', () => {
  const changed = (text: string, place: number): string => {
    const byte = text.charCodeAt(place);
    return text.slice(0, place) + String.fromCharCode(byte === 0x30 ? 0x31 : 0x30) + text.slice(place + 1);
  };

  it.each([
    ['receipt', () => receipt.length - 2, (place: number) => verifyReceipt(changed(receipt, place), bundle)],
    ['bundle', () => bundle.length - 1, (place: number) => verifyReceipt(receipt, changed(bundle, place))],
  ] as const)('of a %s is refused, wherever it is', (_, last, verify) => {
    const places = fc.nat(last());
    fc.assert(
      fc.property(places, (place) => {
        expect(() => verify(place)).toThrow(NotProven);
      }),
      { numRuns: 400 },
    );
  });

  it('is refused with the decision that it touches', () => {
    const flipped = (from: string, to: string, text: string) => text.replace(from, to);
    const gate = `line 7: train-${trainId}@6, GateEvaluated of training, lap 1, attempt 1, passed: its hash is not that`;
    expect(() => verifyReceipt(receipt, flipped('ci says pass', 'ci says fail', bundle))).toThrow(gate);
    expect(() => verifyReceipt(flipped('ci says pass', 'ci says fail', receipt), bundle)).toThrow(
      `${about}: the receipt differs from the bundle in checks[2].reason: it says "CI is green: ci says fail`,
    );
    expect(() => verifyReceipt(flipped('"olga"', '"ogla"', receipt), bundle)).toThrow('in actor: it says "ogla"');
  });
});

it.each<[string, (receipt: string, bundle: string) => readonly [string, string], string]>([
  ['a line left out', (receipt, bundle) => [receipt, bundle.split('\n').toSpliced(3, 1).join('\n')], 'does not follow'],
  [
    'a decision that the bundle lacks',
    (receipt, bundle) => [receipt.replaceAll('@6', '@9'), bundle],
    'no such decision',
  ],
  [
    'a decision that is another event',
    (receipt, bundle) => [receipt.replaceAll('@6', '@5'), bundle],
    'no such decision',
  ],
  ['another form of the same', (receipt, bundle) => [receipt.replace(',', ', '), bundle], 'not canonical JSON'],
  ['no receipt', (_, bundle) => ['{}', bundle], 'this is no receipt of a gate'],
  ['no JSON', (_, bundle) => ['TBD', bundle], 'this is no receipt of a gate'],
  ['a bundle cut off', (receipt, bundle) => [receipt, bundle.slice(0, -1)], 'breaks off'],
  ['another pipeline', (receipt, bundle) => [receipt, bundle.replace('"title":"Small"', '"title":"Large"')], 'line 1'],
])('refuses %s', (_, change, message) => {
  expect(() => verifyReceipt(...change(receipt, bundle))).toThrow(message);
});

it('refuses a history that was made up whole, when the verifier has not signed it', async () => {
  const forged = await ridden(sign(null, Buffer.from('something else'), privateKey).toString('base64'));
  expect(() => verifyReceipt(receiptIn(forged), bundleOf(forged))).toThrow(
    'the verdict of ci does not bear its signature',
  );
  expect(() => verifyReceipt(receipt, bundleOf(forged))).toThrow('the receipt differs from the bundle in');
});
