// The command line from the sources: builds what changed, then hands over. `npm run vt -- train list`.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { buildQuietly } from './steps.ts';

buildQuietly();
const main = resolve(import.meta.dirname, '../apps/cli/dist/main.js');
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
