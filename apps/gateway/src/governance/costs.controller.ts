import { Controller, Inject } from '@nestjs/common';
import { Money } from '@vt/contracts';
import { addMoney, BudgetRow, SpendRow } from '@vt/cost';
import type { CommandClient } from '@vt/messaging';
import type { Reader } from '@vt/read-models';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { shown } from '../edge/pages.ts';
import { CommandsToken, ReaderToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { ROWS_OF_TRAIN_MAX, trainOf } from '../trains/trains.controller.ts';
import { VIEWS } from '../views.ts';

const tag = 'costs';

const Spend = SpendRow.pick({ cpuMs: true, wallMs: true, cost: true, reserved: true, unpriced: true });
type Spend = z.infer<typeof Spend>;

const getCosts = operation({
  id: 'getCosts',
  method: 'GET',
  path: '/v1/trains/{trainId}/costs',
  tag,
  summary: 'Show what a train has cost, and what is reserved: in total, by phase, by agent and by attempt',
  role: 'viewer',
  params: OfTrain,
  answer: {
    status: 200,
    description: 'Its costs. What has no price is counted in `unpriced` and is in no sum.',
    schema: z.object({
      budget: BudgetRow.nullable(),
      total: Spend,
      byPhase: z.array(Spend.extend({ phase: z.string() })),
      byAgent: z.array(Spend.extend({ agent: z.string() })),
      attempts: z.array(SpendRow),
    }),
  },
});

const setBudget = operation({
  id: 'setBudget',
  method: 'PUT',
  path: '/v1/trains/{trainId}/budget',
  tag,
  summary: 'Set what a train may spend',
  role: 'operator',
  params: OfTrain,
  body: Money,
  answer: { status: 204, description: 'It is so from the position in `VT-Position` on.' },
});

@Controller()
export class CostsController {
  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
  ) {}

  @Handles(getCosts)
  async show({ principal, params }: Incoming<typeof getCosts>): Promise<Answered> {
    const { value, position } = await this.reader.snapshot(principal.tenant, async (rows) => {
      await trainOf(rows, params.trainId);
      const [budget] = await rows(VIEWS.budgets, { where: params, limit: 1 });
      const attempts = await rows(VIEWS.spend, { where: params, limit: ROWS_OF_TRAIN_MAX });
      return { budget: budget ? shown(budget) : null, attempts: attempts.map(shown<SpendRow>) };
    });
    const { budget, attempts } = value;
    const by = (group: 'phase' | 'agent') =>
      [...Map.groupBy(attempts, (row) => row[group])].map(([name, rows]) => ({ [group]: name, ...sum(rows) }));
    return { body: { budget, total: sum(attempts), byPhase: by('phase'), byAgent: by('agent'), attempts }, position };
  }

  @Handles(setBudget)
  set(incoming: Incoming<typeof setBudget>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'budget.set', { ...incoming.params, budget: incoming.body });
  }
}

const sum = (rows: readonly SpendRow[]): Spend =>
  rows.reduce<Spend>(
    (total, { cpuMs, wallMs, cost, reserved, unpriced }) => ({
      cpuMs: total.cpuMs + cpuMs,
      wallMs: total.wallMs + wallMs,
      cost: cost.reduce(addMoney, total.cost),
      reserved: reserved.reduce(addMoney, total.reserved),
      unpriced: total.unpriced + unpriced,
    }),
    { cpuMs: 0, wallMs: 0, cost: [], reserved: [], unpriced: 0 },
  );
