import { budgetWatch, spendByTicket } from '@vt/cost';
import { TABLES, view } from '@vt/read-models';
import { riskRegister } from '@vt/risk';
import {
  approvalList,
  artifactShelf,
  gateReceipts,
  pauseList,
  phaseHistory,
  sessionLog,
  timeline,
  trainBoard,
} from '@vt/value-train';
import { keyRing } from './keys/key-ring.projection.ts';

/** Every view that the API reads: the projection of its slice, and the table that keeps its rows. */
export const VIEWS = {
  trains: view(trainBoard, TABLES.train),
  phases: view(phaseHistory, TABLES.phase),
  gates: view(gateReceipts, TABLES.gate),
  approvals: view(approvalList, TABLES.approval),
  shelves: view(artifactShelf, TABLES.artifactShelf),
  sessions: view(sessionLog, TABLES.session),
  timeline: view(timeline, TABLES.timeline),
  pauses: view(pauseList, TABLES.pause),
  risks: view(riskRegister, TABLES.risk),
  spend: view(spendByTicket, TABLES.spend),
  budgets: view(budgetWatch, TABLES.budget),
  keys: view(keyRing, TABLES.apiKey),
} as const;
