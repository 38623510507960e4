import { spendDecider, spendStreamOf } from '@vt/cost';
import { commandHandler } from '@vt/kernel';
import { loadPriceBook } from '@vt/profiles';
import { provide, type ServiceDefinition } from '@vt/service';
import { z } from 'zod';
import { CostController, Meter, Trains } from './cost.controller.ts';

const Settings = z.object({
  PRICE_BOOK: z.string().optional().describe('a price book of your own, in the shape of the one that ships'),
});

class CostModule {}

/** Meters every action, prices it by the book, and watches budgets. */
export const cost: ServiceDefinition<z.infer<typeof Settings>> = {
  name: 'cost',
  settings: Settings,
  module: ({ store }, { PRICE_BOOK }) => ({
    module: CostModule,
    controllers: [CostController],
    providers: [
      provide(Trains, [], () => store),
      provide(Meter, [], async () =>
        commandHandler(spendDecider(await loadPriceBook(PRICE_BOOK)), spendStreamOf, store),
      ),
    ],
  }),
};
