import { Controller, Inject } from '@nestjs/common';
import { Rejection } from '@vt/kernel';
import { envelopeOf, OnCommand, type Carried, type Command } from '@vt/messaging';
import { isSignedBy } from '@vt/profiles';
import { Conduct, Pipelines } from './conductor.controller.ts';
import { Stores } from './tasks.controller.ts';
import type { PipelineShelf } from '@vt/agent-runtime';

/** Hears verifiers outside. Whose key passes a verdict on says nothing; its signature does. */
@Controller()
export class VerdictsController {
  constructor(
    @Inject(Conduct) private readonly conduct: Conduct,
    @Inject(Pipelines) private readonly pipelines: Pick<PipelineShelf, 'ofTrain'>,
    @Inject(Stores) private readonly stores: Pick<Stores, 'store'>,
  ) {}

  @OnCommand('verdict.report')
  async onReport(command: Command<'verdict.report'>): Promise<Carried> {
    const { tenant, body } = command;
    const { id, verifiers } = await this.pipelines.ofTrain(this.stores.store, tenant, body.trainId);
    const verifier = verifiers.find((each) => each.id === body.verifier);
    if (!verifier) {
      const known = verifiers.map((each) => each.id).join(', ') || 'none';
      throw new Rejection('verifier-unknown', `the pipeline ${id} has no verifier ${body.verifier}; it has: ${known}`);
    }
    if (!isSignedBy(verifier.publicKey, body, body.signature)) {
      throw new Rejection('signature-wrong', `this is not what ${verifier.id} signed, or not with its key`);
    }
    const executed = await this.conduct({ type: 'ReportVerdict', ...body }, envelopeOf(command));
    return { stream: executed.stream, version: executed.head.version };
  }
}
