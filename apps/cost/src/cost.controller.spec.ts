import { expect, it } from '@jest/globals';
import { spendDecider, spendStreamOf } from '@vt/cost';
import { MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, TenantId, TrainId } from '@vt/kernel';
import { loadPriceBook } from '@vt/profiles';
import { randomUUID } from 'node:crypto';
import { CostController } from './cost.controller.ts';

it('sets no budget for a train that does not exist', async () => {
  const store = new MemoryEventStore();
  const meter = commandHandler(spendDecider(await loadPriceBook()), spendStreamOf, store);
  const command = {
    ...{ tenant: TenantId.parse('acme'), commandId: CommandId.parse(randomUUID()), actor: 'ada', correlationId: 'c' },
    body: { trainId: TrainId.parse(randomUUID()), budget: { amount: '5', currency: 'EUR' } },
  };
  await expect(new CostController(meter, store).onBudgetSet(command)).rejects.toMatchObject({ code: 'train-unknown' });
});
