import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../testing/noting.ts';
import { contains, runCommand } from './command.ts';
import { isEnough, openSandbox, type Box, type Sandbox, type SandboxName } from './sandbox.ts';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'sandbox-spec-'));
const secret = join(folder, 'another-run', 'secret');
const data = join(folder, 'data', 'weather.csv');
let server: Server;
let port = 0;
beforeAll(async () => {
  for (const name of ['another-run', 'data', 'store']) mkdirSync(join(folder, name));
  await writeFile(secret, 'of another run');
  await writeFile(join(folder, 'store', 'ab12'), 'day,rain\n');
  await symlink(join(folder, 'store', 'ab12'), data);
  // As PostgreSQL's would: anybody of this machine may connect.
  server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await until(async () => server.listening);
  port = (server.address() as { port: number }).port;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

let boxes = 0;
const boxOf = (box: Partial<Box> = {}): Box => {
  const cwd = join(folder, `work-${(boxes += 1)}`);
  mkdirSync(cwd);
  return { cwd, files: [], network: false, ...box };
};
const { signal } = new AbortController();
const run = (sandbox: Sandbox, script: string, box = boxOf(), timeoutMs = 20_000) =>
  runCommand({ program: 'sh', args: ['-c', script], sandbox, box, timeoutMs, signal });
const python = (sandbox: Sandbox, script: string, box = boxOf(), timeoutMs = 30_000) =>
  runCommand({ program: 'python3', args: ['-c', script], sandbox, box, timeoutMs, signal });
const connecting = () => `import socket; print(socket.create_connection(("127.0.0.1", ${port}), 5).recv(5))`;

describe.each(['plain', 'bubblewrap', 'unshare'] as const)('the limits of %s', (name) => {
  const opened = async () => {
    const sandbox = await openSandbox(name, contains).catch(() => openSandbox('plain', contains));
    return { ...sandbox, memoryMiB: 256 };
  };

  it('end a program that takes memory, whatever it is written in, and name the limit and its mend', async () => {
    const sandbox = await opened();
    const mend = '[a process may have 256 MiB of memory: PROGRAM_MEMORY_MIB sets more]';
    const eater = await python(sandbox, `kept = [b'x' * 2**20 for _ in range(1024)]`);
    expect(eater.exitCode).not.toBe(0);
    expect(eater.stderr).toContain('MemoryError');
    expect(eater.stderr).toContain(mend);
    await expect(python(sandbox, `print(len(b'x' * 2**26))`)).resolves.toMatchObject({
      stdout: `${2 ** 26}\n`,
      stderr: '',
    });
  });

  it('end a program that opens files without end', async () => {
    const { stderr } = await python(await opened(), `kept = [open('/dev/null') for _ in range(5000)]`);
    expect(stderr).toContain('[a process may have 1024 open files: close some]');
  });

  it('name the size of a file', async () => {
    const { stderr } = await python(
      await opened(),
      `import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nos.truncate(os.open('big', os.O_CREAT | os.O_RDWR), 9 * 2**30)`,
    );
    expect(stderr).toContain('[a file may have 8 GiB: write several]');
  });

  it('can not be raised again by the program', async () => {
    const { stderr } = await python(
      { ...(await opened()), memoryMiB: 256 },
      `import resource, os\nif os.geteuid() == 0: raise ValueError('root may, outside of namespaces')\nresource.setrlimit(resource.RLIMIT_DATA, (2**40, 2**40))`,
    );
    expect(stderr).toMatch(/ValueError/);
  });
});

/** A machine without the driver can not show what it gives; it says so in the name of the test. */
const drivers: readonly SandboxName[] = ['bubblewrap', 'unshare'];

describe.each(drivers)('%s', (name) => {
  let found: Sandbox | undefined;
  beforeAll(async () => {
    found = await openSandbox(name, contains).catch(() => undefined);
    if (!found) process.stderr.write(`SKIPPED: what ${name} contains, because it does not work on this machine\n`);
  });
  const check = (says: string, test: (sandbox: Sandbox) => Promise<void>) =>
    it(says, async () => {
      if (found) await test(found);
      else expect(await openSandbox(name, contains).catch(String)).toContain(`can not be contained by ${name}`);
    });

  check('runs a program, with its input, output, exit code and time', async (sandbox) => {
    const box = boxOf({ files: [{ source: join(folder, 'store', 'ab12'), at: data }] });
    const call = { program: 'python3', sandbox, box, timeoutMs: 20_000, signal };
    const script = `import sys, time
while time.process_time() < 0.2: pass
open('left', 'w').write(sys.stdin.read()); print(open('${data}').read(), end=''); sys.exit(7)`;
    const done = await runCommand({ ...call, args: ['-c', script], input: 'heard' });
    expect(done).toMatchObject({ exitCode: 7, stdout: 'day,rain\n', stderr: '' });
    expect(done.cpuMs).toBeGreaterThanOrEqual(100);
    await expect(readFile(join(box.cwd, 'left'), 'utf8')).resolves.toBe('heard');
  });

  check('runs Node, which is ours', async (sandbox) => {
    const call = { program: 'node', args: ['-p', '6 * 7'], sandbox, box: boxOf(), timeoutMs: 20_000, signal };
    await expect(runCommand(call)).resolves.toMatchObject({ exitCode: 0, stdout: '42\n' });
  });

  check('shows no secrets of the machine, of other runs, of our environment', async (sandbox) => {
    process.env['SANDBOX_SPEC_SECRET'] = 'in the environment';
    const script = `cat /etc/shadow; ls /root /home; cat ${secret}; cat ${folder}/store/*; ls ${folder}/another-run
cat /proc/*/environ | tr '\\0' '\\n' | grep SECRET; cat /proc/${process.pid}/environ; env`;
    const { stdout } = await run(sandbox, script);
    delete process.env['SANDBOX_SPEC_SECRET'];
    expect(stdout).not.toMatch(/root:|of another run|day,rain|in the environment/);
    expect(stdout.split('\n').filter((line) => /^(HOME|PATH)=/.test(line))).toHaveLength(2);
  });

  check('writes to its folder and to /tmp only', async (sandbox) => {
    const box = boxOf({ files: [{ source: join(folder, 'store', 'ab12'), at: data }] });
    const tries = ['/usr/left', '/etc/left', `${folder}/left`, data, '/proc/sys/kernel/hostname', 'here', '/tmp/here'];
    const script = tries.map((path) => `(echo x > ${path}) 2>/dev/null && echo ${path}`).join('\n');
    const { stdout } = await run(sandbox, `${script}\ntrue`, box);
    // Its folder is in a new /tmp, so what is beside it there is new, too, and gone with it.
    const kept = stdout
      .trim()
      .split('\n')
      .filter((path) => path !== `${folder}/left`);
    expect(kept).toEqual(['here', '/tmp/here']);
    await expect(readFile(join(folder, 'left'))).rejects.toThrow('ENOENT');
    await expect(readFile(data, 'utf8')).resolves.toBe('day,rain\n');
  });

  check('reaches no port of this machine, unless it may use the network', async (sandbox) => {
    expect((await python(sandbox, connecting())).stderr).toMatch(/refused|unreachable/);
    await expect(python(sandbox, connecting(), boxOf({ network: true }))).resolves.toMatchObject({
      stdout: "b'hello'\n",
    });
  });

  check('has no privileges, and can get none', async (sandbox) => {
    const { stdout } = await run(
      sandbox,
      `grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; mount -t tmpfs x /tmp && echo mounted; true`,
    );
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(/^CapEff: 0+ CapBnd: 0+ NoNewPrivs: 1 $/);
  });

  check('bounds a bomb of processes', async (sandbox) => {
    const script = `import os, time
born = 0
for _ in range(5000):
    try: pid = os.fork()
    except BlockingIOError: break
    if pid == 0: time.sleep(30); os._exit(0)
    born += 1
print(born)`;
    const { stdout } = await python(sandbox, script);
    expect(Number(stdout)).toBeGreaterThan(50);
    expect(Number(stdout)).toBeLessThan(513);
  });

  check('bounds a file', async (sandbox) => {
    const script = `import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try: os.truncate(os.open('big', os.O_CREAT | os.O_RDWR), 9 * 1024 ** 3); print('grew')
except OSError as error: print(error.strerror)`;
    await expect(python(sandbox, script)).resolves.toMatchObject({ stdout: 'File too large\n' });
    const filled = await run(
      sandbox,
      'head -c 700M /dev/zero > /tmp/big; ls -s /tmp/big > size; cat size; rm /tmp/big',
    );
    expect(Number.parseInt(filled.stdout, 10)).toBeLessThanOrEqual(512 * 1024);
  });

  check('takes a daemon with it that has left its session and cleared its environment', async (sandbox) => {
    const box = boxOf();
    const script = `setsid env -i sh -c 'while :; do echo x >> ${box.cwd}/alive; sleep 0.05; done' >/dev/null 2>&1 &
while [ ! -s alive ]; do sleep 0.01; done`;
    await expect(run(sandbox, script, box)).resolves.toMatchObject({ exitCode: 0 });
    await expect(processesWith(`${box.cwd}/alive`)).resolves.toEqual([]);
  });

  check('ends with its time', async (sandbox) => {
    const box = boxOf();
    const script = `setsid env -i sh -c 'touch ${box.cwd}/here; sleep 600; echo ${box.cwd}' & sleep 600`;
    await expect(run(sandbox, script, box, 1_000)).rejects.toMatchObject({ name: 'TimeoutError' });
    await until(async () => (await processesWith(box.cwd)).length === 0);
  });
});

/** Processes of this machine whose command line says so. */
async function processesWith(words: string): Promise<readonly string[]> {
  const { stdout } = await runCommand({
    ...{ program: 'sh', args: ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"'], timeoutMs: 10_000 },
    ...{ sandbox: await openSandbox('plain', contains), box: boxOf(), signal },
  });
  return stdout.split('\n').filter((line) => line.includes(words));
}

it('is as strong as the machine allows, and says so', async () => {
  const { level, name } = await openSandbox('auto', contains);
  const plain = await openSandbox('plain', contains);
  expect(plain.name).toBe('plain');
  expect(isEnough(level, plain.level)).toBe(true);
  expect(name === 'plain').toBe(level !== 'namespace');
});

it('is refused where it does not do what it promises', async () => {
  const tried: string[] = [];
  const { name } = await openSandbox('auto', async (sandbox) => {
    tried.push(sandbox.name);
    return sandbox.name === 'plain';
  });
  expect([name, tried.at(-1)]).toEqual(['plain', 'plain']);
  await expect(openSandbox('bubblewrap', async () => false)).rejects.toThrow('can not be contained by bubblewrap');
  const pretends: Sandbox = { name: 'bubblewrap', level: 'namespace', wrap: async (command) => command };
  await expect(contains(pretends, boxOf())).resolves.toBe(false);
});
