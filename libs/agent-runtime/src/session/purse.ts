import type { Allowance } from '@vt/contracts';
import { money, nanos, priceOf } from '@vt/cost';
import type { Pool } from 'pg';
import { CircuitOpen } from '../circuit-breaker.ts';
import type { ModelAnswer, ModelProvider } from '../tools/model.ts';
import type { Claim } from '../work/work-items.ts';

// Waited for, unlike other commits of subscribers: what was taken must not be forgotten, whoever dies.
const TAKE = `
  with durable as (select set_config('synchronous_commit', 'on', true))
  update work.item i set taken = i.taken + $4::numeric from durable
  where i.tenant = $1 and i.ticket_id = $2 and i.fence = $3 and i.taken + $4::numeric <= $5::numeric
  returning i.taken`;
const GIVE_BACK = `
  update work.item set taken = taken - $4::numeric where tenant = $1 and ticket_id = $2 and fence = $3`;
const TAKEN = 'select taken from work.item where tenant = $1 and ticket_id = $2';

/** Why a call of a model is not made. */
export class Unaffordable extends Error {
  override readonly name = 'Unaffordable';
}

/** A model whose calls are paid out of what was reserved for a ticket; the same one, where nothing was. */
export function payingFor(model: ModelProvider, pool: Pool, { allowance, ...claim }: Claim): ModelProvider {
  if (!allowance) return model;
  const purse = new Purse(pool, { ...claim, allowance });
  const { write } = model;
  const paid: ModelProvider['write'] = (request) =>
    purse.pay(model, request.instructions + request.prompt, () => write(request));
  return { ...model, write: paid };
}

/** A claim, and what was reserved for its ticket. */
type Funded = Pick<Claim, 'ticket' | 'fence'> & { readonly allowance: Allowance };

/**
 * Pays for calls of models out of what was reserved for a ticket: the most that a call can cost is taken before it is
 * made, and what it did not cost is given back after it. A call whose end nobody knows has cost the most. It is written
 * down with the ticket, for all who ever claim it, and side by side.
 */
export class Purse {
  private readonly pool: Pool;
  private readonly given: Funded;

  /** The pool acts as `vt_subscriber`. */
  constructor(pool: Pool, given: Funded) {
    this.pool = pool;
    this.given = given;
  }

  /**
   * @param words all that the model is given
   * @throws Unaffordable, and then the call was not made; what the call throws
   */
  async pay(
    { name, outputTokensMax }: Pick<ModelProvider, 'name' | 'outputTokensMax'>,
    words: string,
    call: () => Promise<ModelAnswer>,
  ): Promise<ModelAnswer> {
    // A tokenizer makes no more tokens than there are bytes; what frames a request is far less than it over-counts.
    const most = this.price(name, Buffer.byteLength(words), outputTokensMax);
    await this.take(name, most);
    const answer = await call().catch(async (error: unknown) => {
      if (error instanceof CircuitOpen) await this.giveBack(most);
      throw error;
    });
    if (answer.tokens) await this.giveBack(most - this.price(name, answer.tokens.input, answer.tokens.output));
    return answer;
  }

  private price(model: string, input: number, output: number): bigint {
    const { amount, models } = this.given.allowance;
    const usage = { cpuMs: 0, wallMs: 0, tokens: [{ model, input, output }] };
    const price = priceOf(usage, { currency: amount.currency, cpuHour: '0', models });
    if (price) return nanos(price);
    throw new Unaffordable(`the price book has no price of ${model}, and what is reserved is spent by prices only`);
  }

  private async take(model: string, most: bigint): Promise<void> {
    const { ticket, fence, allowance } = this.given;
    const { amount, currency } = allowance.amount;
    const asked = money(most, currency).amount;
    const { rowCount } = await this.pool.query(TAKE, [ticket.tenant, ticket.ticketId, fence, asked, amount]);
    if (rowCount) return;
    const { rows } = await this.pool.query<{ taken: string }>(TAKEN, [ticket.tenant, ticket.ticketId]);
    const taken = money(nanos({ amount: rows[0]?.taken ?? '0' }), currency).amount;
    throw new Unaffordable(
      `a call of ${model} may cost ${asked} ${currency}, and ${taken} of the ${amount} that are reserved are taken`,
    );
  }

  private async giveBack(left: bigint): Promise<void> {
    const { ticket, fence, allowance } = this.given;
    const { amount } = money(left, allowance.amount.currency);
    await this.pool.query(GIVE_BACK, [ticket.tenant, ticket.ticketId, fence, amount]);
  }
}
