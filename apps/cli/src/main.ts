import { CommanderError } from 'commander';
import { CliError, EXIT } from './errors.ts';
import { program } from './program.ts';

const NODE_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MIN) {
  process.stderr.write(`vt needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.\n`);
  process.exit(EXIT.failure);
}
// Who pipes us into `head` has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failure),
);
try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
// Sockets that are kept alive for the next request must not keep the command.
process.exit();

function exitCodeOf(error: unknown): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    process.stderr.write(`${error.message}${error.mend ? `\n${error.mend}` : ''}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.failure;
}
