// A process of its own, to be killed: works in the workshop whose address it is given, as the lab.
import type { Agent } from '@vt/contracts';
import { TicketWorker } from '../work/ticket-worker.ts';
import { noting } from './noting.ts';
import { WorkItems } from '../work/work-items.ts';
import { pipelineOf, Workshop, type ActionInput, type WorkshopAddress } from './workshop.ts';

interface Given {
  readonly address: WorkshopAddress;
  readonly actions: readonly ActionInput[];
  /** The tool that never ends here. */
  readonly hangs: string;
  readonly leaseMs: number;
  /** Which agent it is, of a pipeline with this mode; the lab, unless it is given. */
  readonly agent?: Agent;
  readonly mode?: Parameters<typeof pipelineOf>[1];
  readonly workGates?: Parameters<typeof pipelineOf>[2];
}

// Written by the test that starts this process.
const given = JSON.parse(process.argv[2]!) as Given;
const { address, actions, hangs, leaseMs, agent: name = 'lab', mode, workGates } = given;
const workshop = new Workshop(address, leaseMs);
const tools = noting(address.folder, actions, hangs);
const session = { ...workshop.dependencies(pipelineOf(actions, mode, workGates), tools), pack: { name, tools } };
const items = new WorkItems(workshop.subscriber, name, leaseMs);
await new TicketWorker({ items, session, sessionsMax: 1, log: session.log }).run(new AbortController().signal);
