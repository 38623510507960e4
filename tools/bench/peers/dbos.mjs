import { DBOS } from '@dbos-inc/dbos-sdk';
import { keepGoing, STEPS } from '../contestants/sessions.ts';

/** @type {import('../contestants/sessions.ts').OpenSessions} */
export const open = async ({ url, inFlight }, did) => {
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error' });
  const ride = DBOS.registerWorkflow(
    async () => {
      for (let step = 0; step < STEPS; step += 1) {
        await DBOS.runStep(async () => ({ done: true }), { name: `action-${step}` });
        did();
      }
    },
    { name: 'ride' },
  );
  await DBOS.launch();
  const stop = keepGoing(inFlight, async (nth) => {
    const handle = await DBOS.startWorkflow(ride, { workflowID: `ride-${nth}` })();
    await handle.getResult();
  });
  return {
    close: async () => {
      await stop();
      await DBOS.shutdown();
    },
  };
};
