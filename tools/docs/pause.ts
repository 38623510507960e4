import { PauseScope } from '@vt/contracts';
import { PAUSE_TABLE, ROWS_OF_COMMANDS } from '@vt/value-train';

const ANSWERS = { executed: 'executed', held: '**held**', refused: '_refused_' } as const;

export const pausePage = () =>
  [
    '# What a pause does',
    '',
    'Generated from `libs/value-train/src/pause.ts`, which the rules ask too; `apps/station/src/pause.int.ts` tries every cell on running services. How to use it: [Pause and resume safely](../how-to/pause-and-resume.md).',
    '',
    'A pause has a scope: the **session** of a ticket; a **ticket**, with its gate; a **train**; one kind of **agent**; a **tenant**; the whole **fleet**, of every tenant. Pauses may overlap: what several cover goes on when the last of them is lifted.',
    '',
    '- **executed**: it has its effect at once',
    '- **held**: nothing is lost, and it has its effect when no pause covers it any more',
    '- **refused**: it has no effect, and who asked is told why',
    '',
    `| what comes | ${PauseScope.options.join(' | ')} |`,
    `| --- | ${PauseScope.options.map(() => '---').join(' | ')} |`,
    ...Object.values(PAUSE_TABLE).map(
      ({ what, under }) => `| ${what} | ${PauseScope.options.map((scope) => ANSWERS[under[scope]]).join(' | ')} |`,
    ),
    '',
    '| what comes | what becomes of it |',
    '| --- | --- |',
    ...Object.values(PAUSE_TABLE).map(({ what, then }) => `| ${what} | ${then} |`),
    '',
    'From the answer to a pause on, no ticket that it covers is claimed. A session at work hears of it with the event, and at the latest with its next heartbeat, a fifteenth of its lease later: an action that begins in between counts as running. A decision that the conductor was making at that moment is made as before the pause; what it opens is covered.',
    '',
    '## Where the rest falls',
    '',
    'Every command that changes something comes under a row of the table:',
    '',
    '| command | what comes |',
    '| --- | --- |',
    ...Object.entries(ROWS_OF_COMMANDS).map(
      ([command, rows]) => `| \`${command}\` | ${rows.map((row) => PAUSE_TABLE[row].what).join('; ')} |`,
    ),
    '',
    'An agent that dies leaves a lease that runs out, after which another one looks for its next ticket. A limit of time, of attempts or of tries is the end of an action that was running, or work that is given up. An event that had been parked, and that an operator lets a service have again, comes as it would have come. There is no Auto-Pilot: an agent looks for its next ticket. What a webhook would bring comes as the signed verdict of a service outside.',
    '',
    'No pause covers what is not work: keys, files that somebody uploads, and model servers, which are started again when they die.',
    '',
  ].join('\n');
