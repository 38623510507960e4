// A process of its own, to be killed: works in the workshop whose address it is given, as the lab.
import { TicketWorker } from '../work/ticket-worker.ts';
import { noting } from './noting.ts';
import { pipelineOf, Workshop, type ActionInput, type WorkshopAddress } from './workshop.ts';

interface Given {
  readonly address: WorkshopAddress;
  readonly actions: readonly ActionInput[];
  /** The tool that never ends here. */
  readonly hangs: string;
  readonly leaseMs: number;
}

// Written by the test that starts this process.
const { address, actions, hangs, leaseMs } = JSON.parse(process.argv[2]!) as Given;
const workshop = new Workshop(address, leaseMs);
const session = workshop.dependencies(pipelineOf(actions), noting(address.folder, actions, hangs));
await new TicketWorker({ items: workshop.items, session, sessionsMax: 1, log: session.log }).run(
  new AbortController().signal,
);
