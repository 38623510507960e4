import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Runs one command of a check, shows what it says, and ends with its exit code when it fails. */
export function step(title: string, command: string, args: readonly string[], env: Record<string, string> = {}): void {
  const started = performance.now();
  process.stderr.write(`\n▸ ${title}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) process.stderr.write(`${command} could not be started: ${error.message}\n`);
  if (error || status !== 0) process.exit(status || 1);
  process.stderr.write(`  ${title}: ${((performance.now() - started) / 1_000).toFixed(1)} s\n`);
}

export const build = () =>
  step('build', 'nx', ['run-many', '-t', 'build', '--output-style=static'], {
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
  });

export const JEST = { NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' };

/** With the coverage of the rules: below its threshold (jest.config.mjs) it is red. */
export const unitTests = () => step('unit tests', 'jest', ['--selectProjects', 'unit', '--coverage'], JEST);

/** For commands whose standard output is their answer: says nothing unless it fails. */
export function buildQuietly(): void {
  const { status, stdout, stderr, error } = spawnSync('nx', ['run-many', '-t', 'build', '--output-style=static'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true' },
  });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}the build failed${error ? `: ${error.message}` : ' (see above)'}\n`);
  process.exit(status || 1);
}
