import { isStuck } from './gate.ts';
import { voiceOf } from './approval.ts';
import { sameValue } from './same-value.ts';
import { holdOf } from './train-waivers.ts';
import type { CommandOf, TrainCommand } from './train-commands.ts';
import type { Riding } from './train.ts';

/** Whether a command asks for what is so, or was. */
export function isAlreadySo(command: TrainCommand, train: Riding): boolean {
  switch (command.type) {
    case 'StartTrain':
      return false;
    case 'Tick':
      return true;
    case 'AppointApprover':
    case 'DismissApprover': {
      const has = train.approvers.some(({ role, name }) => role === command.role && name === command.name);
      return has === (command.type === 'AppointApprover');
    }
    case 'DelegateApproval':
    case 'EndDelegation': {
      const { role, from, to } = command;
      const until = command.type === 'DelegateApproval' ? command.until : undefined;
      const is = train.delegations.some((each) =>
        sameValue([each.role, each.from, each.to, until ?? each.until], [role, from, to, each.until]),
      );
      return is === (command.type === 'DelegateApproval');
    }
    case 'GrantWaiver': {
      const { phase, checks, reason, until, by } = command;
      return [...train.waivers.values()].some(
        (waiver) =>
          !waiver.ended &&
          sameValue(
            [waiver.phase, waiver.forced ? 'all' : waiver.checks, waiver.reason, waiver.until, waiver.by],
            [phase, checks, reason, until, by],
          ),
      );
    }
    case 'SettleWaiver': {
      const waiver = train.waivers.get(command.waiverId);
      return waiver !== undefined && waiver.ended && !train.holds.has(holdOf(waiver.waiverId));
    }
    case 'JudgeWork':
    case 'AcceptAbandonment':
      return train.status === 'ended' && train.tickets.has(command.ticketId);
    case 'Observe':
      return train.status !== 'held';
    case 'AcceptReservation':
      // Nobody waits for it any more, or it was accepted before.
      return (
        train.status === 'ended' || train.asked?.ticketId !== command.ticketId || train.asked.allowance !== undefined
      );
    case 'ReportVerdict':
      return train.verdicts.some(({ signature }) => signature === command.signature);
    case 'GrantApproval':
      return hasSaid(command, train, true);
    case 'RefuseApproval':
      return hasSaid(command, train, false);
    case 'PlaceHold':
      return sameValue(train.holds.get(command.source)?.phases, command.phases);
    case 'LiftHold':
      return !train.holds.has(command.source);
    case 'Pause':
      return train.paused;
    case 'Resume':
      return !train.paused;
    case 'Unblock':
      return train.status !== 'blocked' && !waitsForNobody(train);
    case 'Abort':
      return train.status === 'ended' && train.as === 'aborted';
  }
}

/** What is pending may yet come; anything else that holds a gate may be held until the work is done again. */
const waitsForNobody = (train: Riding): boolean => train.status === 'held' && train.checks.some(isStuck);

/** A gate that is held now asks about its own attempt; an earlier attempt may have left the very same files. */
const hasSaid = (
  { phase, role, by, standsInFor, evidence }: CommandOf<'GrantApproval' | 'RefuseApproval'>,
  train: Riding,
  agreed: boolean,
): boolean => {
  const here = train.status === 'held' && train.phase === phase ? train.ticket.ticketId : undefined;
  return train.agreements.some(
    (said) =>
      (here ?? said.ticketId) === said.ticketId &&
      // With another voice it is another word.
      (standsInFor ?? voiceOf(said)) === voiceOf(said) &&
      sameValue(
        [said.phase, said.role, said.by, said.agreed, [...said.evidence].sort()],
        [phase, role, by, agreed, [...evidence].sort()],
      ),
  );
};

export const isSameStart = ({ name, client, pipeline, inputs }: CommandOf<'StartTrain'>, train: Riding): boolean =>
  sameValue([train.name, train.client, train.pipeline.id, train.inputs], [name, client, pipeline.id, inputs]);
