import type { AgentPack } from '@vt/agent-runtime';
import { writeOnePager } from './behaviours/discovery.ts';
import { recordDecision, writeBrief } from './behaviours/opportunity.ts';
import { writeAccessChecklist, writeContactSheet, writeDpa, writeEmails } from './behaviours/pre-kickoff.ts';
import { scoreClient, writeQuestionnaire, writeRiskProfile } from './behaviours/readiness.ts';
import { writeMvpPlan, writePitchDeck, writeSow } from './behaviours/scope.ts';

/** What the onboarder can do: the phases before the engagement. */
export const onboarderPack: AgentPack = {
  name: 'onboarder',
  tools: {
    'onboarder.write-brief': writeBrief,
    'onboarder.record-decision': recordDecision,
    'onboarder.write-one-pager': writeOnePager,
    'onboarder.write-questionnaire': writeQuestionnaire,
    'onboarder.score-readiness': scoreClient,
    'onboarder.write-risk-profile': writeRiskProfile,
    'onboarder.write-sow': writeSow,
    'onboarder.write-pitch-deck': writePitchDeck,
    'onboarder.write-mvp-plan': writeMvpPlan,
    'onboarder.write-dpa': writeDpa,
    'onboarder.write-access-checklist': writeAccessChecklist,
    'onboarder.write-contact-sheet': writeContactSheet,
    'onboarder.write-emails': writeEmails,
  },
};
