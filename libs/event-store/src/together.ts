import { setImmediate as nextTurn } from 'node:timers/promises';

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly answered: PromiseWithResolvers<Answer>;
}

/**
 * Lets what comes in within one turn of the event loop, or while a statement is on its way, travel together in the next
 * one. That statement begins after every call that it carries.
 */
export class Together<Item, Answer = void> {
  private readonly send: (items: readonly Item[]) => Promise<readonly Answer[] | void>;
  private waiting: Waiting<Item, Answer>[] = [];
  private sending = false;

  /** `send` answers each item, in their order, unless nobody wants an answer. */
  constructor(send: (items: readonly Item[]) => Promise<readonly Answer[] | void>) {
    this.send = send;
  }

  carry(item: Item): Promise<Answer> {
    const answered = Promise.withResolvers<Answer>();
    this.waiting.push({ item, answered });
    if (!this.sending) void this.sendAll();
    return answered.promise;
  }

  private async sendAll(): Promise<void> {
    this.sending = true;
    while (this.waiting.length > 0) {
      await nextTurn();
      await this.settle(this.waiting.splice(0));
    }
    this.sending = false;
  }

  /** When one of them is at fault, the others shall not suffer. Never throws. */
  private async settle(party: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.send(party.map(({ item }) => item));
      party.forEach(({ answered }, index) => answered.resolve(answers?.[index] as Answer));
    } catch (error) {
      if (party.length === 1) party[0]!.answered.reject(error);
      else await Promise.all(party.map((one) => this.settle([one])));
    }
  }
}
