import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, may, read, shell, tool, write } from './testing/calls.ts';

describe('whatever the rules and their order', () => {
  const rules = fc.constantFrom(
    'Bash',
    'Bash(git:*)',
    'Bash(git push)',
    'Bash(ls)',
    'lab.*',
    'Read',
    'command:rm',
    'Edit(a/**)',
  );
  const lists = fc.record({ deny: fc.array(rules), ask: fc.array(rules), allow: fc.array(rules) });
  const calls = fc.constantFrom(
    ...[shell('git push; ls'), command('rm', 'x'), command('git', 'push'), tool('lab.x'), read('a/b'), write('a/b')],
  );

  it('what is denied by one rule is denied', () =>
    fc.assert(
      fc.property(lists, calls, ({ deny, ask, allow }, call) => {
        for (const rule of deny) {
          const alone = may({ deny: [rule], allow: ['Bash', 'lab.*', 'Read', 'Edit'] }, call);
          if (alone.effect === 'deny') expect(may({ deny, ask, allow }, call).effect).toBe('deny');
        }
      }),
    ));

  it('order within a list, and one rule more to deny or ask, never allow more', () =>
    fc.assert(
      fc.property(lists, calls, rules, ({ deny, ask, allow }, call, more) => {
        const { effect } = may({ deny, ask, allow }, call);
        const turned = { deny: deny.toReversed(), ask: ask.toReversed(), allow: allow.toReversed() };
        expect(may(turned, call).effect).toBe(effect);
        if (effect === 'deny') expect(may({ deny: [...deny, more], ask, allow }, call).effect).toBe('deny');
        if (effect !== 'allow') expect(may({ deny, ask: [more, ...ask], allow }, call).effect).not.toBe('allow');
      }),
    ));

  it('no construct hides a command that is denied', () => {
    const { command: compound } = fc.letrec<{ command: string }>((tie) => ({
      command: fc.oneof(
        { depthSize: 'medium', withCrossShrink: true },
        fc.constantFrom('canary', "c'an'ary x", '/bin/canary', 'ca\\nary', 'X=1 canary $Y'),
        tie('command').map((inner) => `ls && ${inner}`),
        tie('command').map((inner) => `${inner} || ls`),
        tie('command').map((inner) => `ls; ${inner} | cat`),
        tie('command').map((inner) => `ls\n${inner} &`),
        tie('command').map((inner) => `(${inner})`),
        tie('command').map((inner) => `echo "$(${inner})"`),
        tie('command').map((inner) => `cat <(${inner}) > out`),
        tie('command').map((inner) => `bash -c '${inner.replaceAll("'", `'\\''`)}'`),
        tie('command').map((inner) => `eval '${inner.replaceAll("'", `'\\''`)}'`),
        fc
          .constantFrom('env -i A=b', 'timeout 5', 'nohup', 'sudo -n', 'xargs', 'nice -n 1')
          .map((by) => `${by} canary x`),
      ),
    }));
    return fc.assert(
      fc.property(compound, (script) => {
        const said = may(
          { deny: ['Bash(canary:*)'], ask: ['Bash(ls)'], allow: ['Bash', 'Read', 'Edit'] },
          shell(script),
        );
        expect(said.effect).toBe('deny');
      }),
      { numRuns: 500 },
    );
  });
});

describe('beside the shell itself', () => {
  const bash = '/bin/bash';
  const real = ['env', 'xargs', 'timeout', 'nice', 'find', 'cat', 'echo'].filter((name) =>
    existsSync(`/usr/bin/${name}`),
  );

  it('no script that is allowed runs what is denied', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shell-'));
    const programs = join(folder, 'bin');
    const canary = join(folder, 'canary-ran');
    mkdirSync(programs);
    writeFileSync(join(programs, 'canary'), `#!${bash}\n: > ${canary}\n`);
    writeFileSync(join(programs, 'ok'), `#!${bash}\nprintf 'canary\\n'\n`);
    for (const name of ['canary', 'ok']) chmodSync(join(programs, name), 0o755);
    for (const name of real) symlinkSync(`/usr/bin/${name}`, join(programs, name));
    symlinkSync(bash, join(programs, 'bash'));
    const pieces = fc.constantFrom(
      ...[
        'ok',
        'canary',
        'canary',
        ' ',
        ' ',
        ' ',
        ' ',
        '\n',
        ';',
        '&',
        '|',
        '&&',
        '||',
        '(',
        ')',
        '<',
        '>',
        '`',
        '$',
        '$(',
      ],
      ...[
        '"',
        "'",
        '\\',
        '{',
        '}',
        '=',
        'X=',
        '$X',
        '#',
        '!',
        '*',
        '~',
        '-',
        '-c',
        '-I',
        '[',
        ']',
        '2',
        '<<',
        '%',
        ',',
        'x',
      ],
      ...[
        'bash -c ',
        'eval ',
        'env ',
        'xargs ',
        'timeout 5 ',
        'nice ',
        'exec ',
        'command ',
        'builtin ',
        'time ',
        'echo ',
      ],
      ...[
        'test -v ',
        'find . -exec ',
        '{}',
        '\\;',
        'printf ',
        'export ',
        'PS4=',
        'set -x',
        '--',
        '-x',
        '/dev/stdin',
        'a[',
        '+',
      ],
    );
    const scripts = fc.array(pieces, { minLength: 1, maxLength: 12 }).map((each) => each.join(''));
    const allow = ['Bash', 'Read', 'Edit'];
    const judged = { run: 0 };
    try {
      fc.assert(
        fc.property(scripts, (script) => {
          if (may({ deny: ['Bash(canary:*)'], allow }, shell(script)).effect !== 'allow') return;
          judged.run += 1;
          try {
            execFileSync(bash, ['-c', script], {
              cwd: folder,
              env: { PATH: programs },
              stdio: 'ignore',
              timeout: 5_000,
            });
          } catch {
            // It may fail, as long as it does not run the canary.
          }
          expect(existsSync(canary)).toBe(false);
        }),
        { numRuns: 4_000 },
      );
      expect(judged.run).toBeGreaterThan(100);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
