import { Isolation } from '@vt/contracts';
import { chown, lstat, mkdtemp, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { locate } from './programs.ts';

/** What one run of a program may see beside the system's own folders. */
export interface Box {
  /** The only folder that it may write to, beside an empty /tmp. */
  readonly cwd: string;
  /** Files that it may read, and where it finds them. */
  readonly files: readonly { readonly source: string; readonly at: string }[];
  /** Whether it may use the network; else it has none, not even that of its machine. */
  readonly network: boolean;
}

/** A way to contain programs. */
export interface Sandbox {
  readonly name: 'bubblewrap' | 'unshare' | 'plain';
  readonly level: Isolation;
  /** What each process of a program may have of memory, where there is `prlimit`; without it, 4 GiB. */
  readonly memoryMiB?: number;
  /** The command that runs a command in the box. */
  wrap(command: readonly string[], box: Box): Promise<readonly string[]>;
}

export type SandboxName = Sandbox['name'];

/** Whether a machine that gives so much has what is asked of it. */
export const isEnough = (given: Isolation, asked: Isolation): boolean =>
  Isolation.options.indexOf(given) >= Isolation.options.indexOf(asked);

/** Processes and threads that a contained program may have at a time. */
export const PROCESSES_MAX = 512;
const TMP_BYTES_MAX = 512 * 1024 ** 2;
/** What programs need of the system; nothing else of it is seen. */
const FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64'];
const SETTINGS = `alternatives fonts ld.so.cache ld.so.conf ld.so.conf.d localtime mime.types python3`;
const NETWORK_SETTINGS = `ca-certificates hosts nsswitch.conf pki resolv.conf ssl`;
/** Where systemd takes users of the moment from; nobody else has them. */
const USERS = { first: 61_184, count: 4_336 };

/** Nothing is hidden: a process group of its own, limits where there is `prlimit`, and our end where there is `setpriv`. */
export const plainSandbox = async (): Promise<Sandbox> => {
  const [setpriv, prlimit] = await Promise.all([locate('setpriv'), locate('prlimit')]);
  const guard = setpriv ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
  const level = setpriv && prlimit ? 'process' : 'none';
  return { name: 'plain', level, wrap: async (command) => [...guard, ...command] };
};

/** Namespaces by bubblewrap, which is made for it. */
const bubblewrap = async (): Promise<Sandbox | undefined> => {
  const [bwrap, unprivileged] = await Promise.all([locate('bwrap'), withoutPrivileges()]);
  if (!bwrap || !unprivileged) return undefined;
  return {
    name: 'bubblewrap',
    level: 'namespace',
    wrap: async (command, { cwd, files, network }) => {
      const found = await systemFiles(network);
      const system = found.flatMap(({ source, link }) =>
        link === undefined ? ['--ro-bind', source, source] : ['--symlink', link, source],
      );
      // By itself it makes folders that only we may enter.
      const folders = foldersOf([cwd, ...found.map(({ source }) => source), ...files.map(({ at }) => at)]);
      return [
        ...[bwrap, '--die-with-parent', '--new-session', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
        ...(isRoot() ? [] : ['--unshare-user']),
        ...(network ? [] : ['--unshare-net']),
        ...['--proc', '/proc', '--dev', '/dev', '--perms', '1777', '--size', String(TMP_BYTES_MAX), '--tmpfs', '/tmp'],
        ...folders.flatMap((path) => ['--dir', path]),
        ...[...system, '--bind', cwd, cwd],
        ...files.flatMap(({ source, at }) => ['--ro-bind', source, at]),
        ...['--chdir', cwd, '--', ...(isRoot() ? await unprivileged(cwd) : []), ...(await bounded()), ...command],
      ];
    },
  };
};

/** The same by what most systems have: `unshare`, `mount` and `pivot_root`. */
const unshare = async (): Promise<Sandbox | undefined> => {
  const [program, unprivileged] = await Promise.all([locate('unshare'), withoutPrivileges()]);
  if (!program || !unprivileged) return undefined;
  return {
    name: 'unshare',
    level: 'namespace',
    wrap: async (command, { cwd, files, network }) => {
      const system = (await systemFiles(network)).map(({ source, link }) =>
        link === undefined
          ? `see ${quoted(source)} ${quoted(source)}`
          : `ln -s ${quoted(link)} ${quoted(`/sys${source}`)}`,
      );
      const seen = files.map(({ source, at }) => `see ${quoted(source)} ${quoted(at)}`);
      const script = [ROOT_BEGUN, ...system, `work ${quoted(cwd)}`, ...seen, ROOT_ENTERED];
      return [
        ...[program, '--mount', '--pid', '--fork', '--kill-child', '--ipc', '--uts'],
        ...(isRoot() ? [] : ['--user', '--map-root-user']),
        ...(network ? [] : ['--net']),
        ...['--', '/bin/sh', '-c', script.join('\n'), 'sh', cwd],
        ...[...(await unprivileged(cwd)), ...(await bounded()), ...command],
      ];
    },
  };
};

// The new root is built over /sys, which nothing is taken from. The shell stays the namespace's first process: whoever
// changes their user loses the signal that tells of our end.
const ROOT_BEGUN = `set -eu
path=$PATH PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs -o size=16m,mode=755,nosuid,nodev tmpfs /sys
mkdir /sys/proc /sys/tmp /sys/dev /sys/dev/shm /sys/old
mount -t proc proc /sys/proc
mount -t tmpfs -o size=${TMP_BYTES_MAX},mode=1777,nosuid,nodev tmpfs /sys/tmp
chmod 1777 /sys/dev/shm
for device in null zero full random urandom; do
  : > "/sys/dev/$device"
  mount --bind "/dev/$device" "/sys/dev/$device"
done
ln -s /proc/self/fd /sys/dev/fd
see() {
  if [ -d "$1" ]; then mkdir -p "/sys$2"; else mkdir -p "/sys$(dirname "$2")"; : > "/sys$2"; fi
  mount --rbind "$1" "/sys$2"
  mount -o remount,bind,ro,nosuid,nodev "/sys$2"
}
work() { mkdir -p "/sys$1"; mount --bind "$1" "/sys$1"; mount -o remount,bind,nosuid,nodev "/sys$1"; }`;
const ROOT_ENTERED = `cd /sys
pivot_root . old
umount -l /old
rmdir /old
cd "$1"
shift
PATH=$path
set +e
"$@"
exit $?`;

/**
 * The strongest sandbox that works on this machine, or the one of a name. Whether it works is found out by running it.
 * @throws Error when the one of that name does not work
 */
export const openSandbox = async (
  name: SandboxName | 'auto',
  works: (sandbox: Sandbox, box: Box) => Promise<boolean>,
): Promise<Sandbox> => {
  for (const open of [bubblewrap, unshare, plainSandbox]) {
    const sandbox = await open();
    if (!sandbox || (name !== 'auto' && name !== sandbox.name)) continue;
    const cwd = await mkdtemp(join(tmpdir(), 'value-train-sandbox-'));
    try {
      if (await works(sandbox, { cwd, files: [], network: false })) return sandbox;
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  }
  throw new Error(`programs can not be contained by ${name} on this machine; SANDBOX=auto takes the best that works`);
};

/** Every folder on the way to these paths, the outer ones first. */
const foldersOf = (paths: readonly string[]): readonly string[] => {
  const above = (path: string): string[] => (dirname(path) === '/' ? [] : [...above(dirname(path)), dirname(path)]);
  return [...new Set(paths.flatMap(above))];
};

const isRoot = () => process.getuid?.() === 0;

/** Runs as a user of the moment, who is given the folder, if we are root; in any case without privileges, for good. */
async function withoutPrivileges() {
  const setpriv = await locate('setpriv');
  if (!setpriv) return undefined;
  return async (cwd: string): Promise<readonly string[]> => {
    const none = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--'];
    if (!isRoot()) return [setpriv, ...none];
    const { uid: owner } = await stat(cwd);
    const user = owner === 0 ? USERS.first + Math.floor(Math.random() * USERS.count) : owner;
    if (owner === 0) await chown(cwd, user, user);
    return [setpriv, `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...none];
  };
}

const bounded = async (): Promise<readonly string[]> => {
  const prlimit = await locate('prlimit');
  return prlimit ? [prlimit, `--nproc=${PROCESSES_MAX}`, '--'] : [];
};

/** Folders and files of the system that are there, and where those that are links lead. */
async function systemFiles(network: boolean) {
  const settings = `${SETTINGS}${network ? ` ${NETWORK_SETTINGS}` : ''}`.split(' ').map((name) => `/etc/${name}`);
  const ours = dirname(dirname(process.execPath));
  const all = [...FOLDERS, ...settings, ...(/^\/(usr)?$/.test(ours) ? [] : [ours])];
  const found = await Promise.all(
    all.map(async (source) => {
      const entry = await lstat(source).catch(() => undefined);
      if (!entry) return [];
      // Links of /etc may lead anywhere, and what they lead to is bound in their place.
      return [
        { source, link: entry.isSymbolicLink() && FOLDERS.includes(source) ? await readlink(source) : undefined },
      ];
    }),
  );
  return found.flat();
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
