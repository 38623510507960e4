import { describe, expect, it } from '@jest/globals';
import { knowsTool, mayUseNetwork, parseRule, Permissions, shadowOf, toolPatternOf, type Call } from './permissions.ts';
import { command, may, read, shell, tool, write } from './testing/calls.ts';

describe('a rule', () => {
  it.each<[rule: string, call: Call, allowed: boolean]>([
    ['lab.*', tool('lab.train'), true],
    ['lab.train', tool('lab.train-again'), false],
    ['lab.*', command('lab.train'), false],
    ['human', tool('human'), true],
    ['mcp__tickets', tool('mcp__tickets__create'), true],
    ['mcp__tickets__*', tool('mcp__tickets__create'), true],
    ['mcp__tickets__create', tool('mcp__tickets__delete'), false],
    ['mcp__tickets', tool('mcp__ticketshop__create'), false],
    ['Bash', command('git', 'status'), true],
    ['Bash(*)', command('git', 'status'), true],
    ['command:*', command('git', 'status'), true],
    ['command:git', command('git', 'status'), true],
    ['Bash(git:*)', command('git', 'status'), true],
    ['Bash(git *)', command('git', 'status'), true],
    ['Bash(git:*)', command('gitk'), false],
    ['Bash(git:*)', command('/tmp/git', 'status'), false],
    ['Bash(npm run test)', command('npm', 'run', 'test'), true],
    ['Bash(npm run test)', command('npm', 'run', 'test', '--', '-u'), false],
    ['Bash(npm run test)', command('npm', 'run test'), false],
    ['Bash(npm run:*)', command('npm', 'run', 'test'), true],
    ['Bash(npm run:*)', command('npm', 'install'), false],
    ['Bash(CI=1 npm test)', command('env', 'CI=1', 'npm', 'test'), false],
    ['Read', read('data/a.csv'), true],
    ['Read', read('/etc/passwd'), false],
    ['Read', read('../other/a.csv'), false],
    ['Read', read('data/../../other'), false],
    ['Read', write('data/a.csv'), false],
    ['Read(/etc/**)', read('/etc/ssl/cert.pem'), true],
    ['Read(/etc/**)', read('/etc/../root/key'), false],
    ['Edit(models/**)', write('models/a/b.json'), true],
    ['Edit(models/**)', write('models/../data/x'), false],
    ['Edit(models/*)', write('models/a/b.json'), false],
    ['Edit(**/*.md)', write('a/b/c.md'), true],
    ['Edit(**/*.md)', write('c.md'), true],
    ['Edit(?.md)', write('cd.md'), false],
    ['WebFetch', { kind: 'fetch', host: 'example.com' }, true],
    ['WebFetch(domain:example.com)', { kind: 'fetch', host: 'Example.com' }, true],
    ['WebFetch(domain:example.com)', { kind: 'fetch', host: 'example.com.evil.org' }, false],
    ['WebFetch(domain:example.com)', { kind: 'fetch', host: 'www.example.com' }, false],
    ['WebFetch(domain:*.example.com)', { kind: 'fetch', host: 'www.example.com' }, true],
    ['WebFetch(domain:*.example.com)', { kind: 'fetch', host: 'notexample.com' }, false],
  ])('%s, asked for %j, allows it: %s', (rule, call, allowed) => {
    expect(may({ allow: [rule] }, call).effect).toBe(allowed ? 'allow' : 'deny');
  });

  it.each([
    'Bash()',
    'Bash(git && ls:*)',
    'Bash(ls *.md)',
    'Bash($X)',
    "Bash('open)",
    'Read(../x)',
    'Read(./x)',
    'Edit()',
    'WebFetch()',
    'WebFetch(domain:)',
    'WebFetch(example.com)',
    'lab.**',
    'lab..x',
    'Write',
    'mcp__',
    'Bash(git',
    'lab.*(x)',
  ])('%s is none, and denies everything where it stands', (rule) => {
    expect(parseRule(rule)).toMatchObject({ ok: false });
    expect(may({ ask: [rule], allow: ['lab.*'] }, tool('lab.train'))).toMatchObject({ effect: 'deny', rule });
    expect(knowsTool(Permissions.parse({ deny: [rule], allow: ['lab.*'] }), 'lab.train')).toBe(false);
  });

  it.each([
    ['lab.train', ['lab.*'], 'lab.*'],
    ['lab.*', ['lab.train'], undefined],
    ['Bash(git push:*)', ['Bash(ls)', 'Bash(git:*)'], 'Bash(git:*)'],
    ['Bash(git:*)', ['Bash(git push:*)', 'Bash(git)'], undefined],
    ['Bash(git)', ['Bash(git:*)'], 'Bash(git:*)'],
    ['command:git', ['Bash'], 'Bash'],
    ['Read(data/x)', ['Read(data/**)'], 'Read(data/**)'],
    ['Read(data/x)', ['Read'], 'Read'],
    ['Read(/etc/x)', ['Read'], undefined],
    ['Read(data/**)', ['Edit(data/**)'], undefined],
    ['WebFetch(domain:a.example.com)', ['WebFetch(domain:*.example.com)'], 'WebFetch(domain:*.example.com)'],
    ['mcp__tickets__create', ['mcp__tickets'], 'mcp__tickets'],
    ['Bash()', ['Bash'], undefined],
    ['lab.train', ['Bash('], undefined],
  ])('%s in the shadow of %j: %s', (rule, others, shadow) => {
    expect(shadowOf(rule, others)).toBe(shadow);
  });
});

it('of tools is told from rules of other things', () => {
  expect(['lab.*', 'mcp__tickets', 'Bash(git:*)', 'Bash('].map(toolPatternOf)).toEqual([
    ...['lab.*', 'mcp__tickets__*', undefined, undefined],
  ]);
  expect(mayUseNetwork(Permissions.parse({ deny: ['Bash('], allow: ['WebFetch'] }))).toBe(false);
});

describe('permission', () => {
  it('is denied where no rule speaks of a call', () => {
    expect(may({}, tool('lab.train'))).toEqual({ effect: 'deny', rule: 'default', about: 'lab.train' });
    expect(may({ allow: ['Bash'] }, shell('>/dev/null'))).toMatchObject({ effect: 'allow' });
    expect(may({ allow: ['Bash'] }, command())).toMatchObject({ effect: 'deny', rule: 'default' });
  });

  it('is asked for before it is allowed, and denied before it is asked for', () => {
    const rules = { deny: ['Bash(git push --force:*)'], ask: ['Bash(git push:*)'], allow: ['Bash(git:*)'] };
    expect(may(rules, command('git', 'status'))).toMatchObject({ effect: 'allow', rule: 'Bash(git:*)' });
    expect(may(rules, command('git', 'push', 'x'))).toMatchObject({ effect: 'ask', rule: 'Bash(git push:*)' });
    expect(may(rules, command('git', 'push', '--force'))).toMatchObject({
      effect: 'deny',
      rule: 'Bash(git push --force:*)',
    });
  });

  it('of a tool as such is there when some use of it is allowed or asked about', () => {
    const rules = Permissions.parse({
      deny: ['Bash(python3 -m pip:*)', 'ops.*'],
      ask: ['human'],
      allow: ['Bash(python3 a.py)', 'ops.deploy', 'command:pip'],
    });
    const known = ['command:python3', 'command:pip', 'human', 'ops.deploy', 'lab.train', 'command:node'];
    expect(known.filter((each) => knowsTool(rules, each))).toEqual(['command:python3', 'command:pip', 'human']);
  });
});

it.each<[rules: Partial<Permissions>, may: boolean]>([
  [{}, false],
  [{ allow: ['WebFetch'] }, true],
  [{ allow: ['WebFetch(domain:example.com)'] }, false],
  [{ allow: ['WebFetch'], deny: ['WebFetch(domain:example.com)'] }, false],
  [{ allow: ['WebFetch'], ask: ['WebFetch(domain:example.com)'] }, false],
  [{ allow: ['WebFetch', 'Bash('] }, false],
])('programs may use the network by %j: %s', (rules, may) => {
  expect(mayUseNetwork(Permissions.parse(rules))).toBe(may);
});

describe('a command', () => {
  const rules = { deny: ['Bash(rm:*)'], ask: ['Bash(git push:*)'], allow: ['Bash', 'Edit(out/**)', 'Read'] };

  it.each([
    ['ls && rm x', 'rm x'],
    ['ls; rm x', 'rm x'],
    ['ls & rm x', 'rm x'],
    ['ls | rm x', 'rm x'],
    ['ls || rm x', 'rm x'],
    ['ls |& rm x', 'rm x'],
    ['ls\nrm x', 'rm x'],
    ['(ls; (rm x))', 'rm x'],
    ['echo $(rm x)', 'rm x'],
    ['echo "a $(rm x) b"', 'rm x'],
    ['echo `rm x`', 'rm x'],
    ['diff <(ls) <(rm x)', 'rm x'],
    ['X=$(rm x)', 'rm x'],
    ['r""m x', 'rm x'],
    ["'rm' x", 'rm x'],
    ['\\rm x', 'rm x'],
    ['/bin/rm x', '/bin/rm x'],
    ['X=1 rm x', 'X=1 rm x'],
    ['env -i X=1 rm x', 'X=1 rm x'],
    ['env -u HOME -- rm x', 'rm x'],
    ['sudo -u root rm x', 'rm x'],
    ['ls | xargs -n 1 rm', 'rm …'],
    ['ls | xargs -I{} rm {}', 'rm …'],
    ['timeout -k 5 10s rm x', 'rm x'],
    ['timeout --signal=KILL 10 nohup nice -n 5 rm x', 'rm x'],
    ["sh -ec 'ls; rm x'", 'rm x'],
    ['bash -o pipefail -c \'bash -c "rm x"\'', 'rm x'],
    ["eval 'rm x'", 'rm x'],
    ['find . -name a -exec rm {} \\;', 'rm …'],
    ['busybox rm x', 'rm x'],
    ['exec rm x', 'rm x'],
    ['command rm x', 'rm x'],
  ])('%s is denied for %s', (script, about) => {
    expect(may(rules, shell(script))).toEqual({ effect: 'deny', rule: 'Bash(rm:*)', about });
  });

  it.each([
    'if true; then rm x; fi',
    'for x in a; do rm x; done',
    'f() { rm x; }; f',
    '{ rm x; }',
    '! rm x',
    'ls # rm',
    'cat <<EOF\nrm\nEOF',
    'cat <<< $(rm)',
    '$X',
    'r$X',
    'r* x',
    '~/x',
    'a[$(rm)]=1',
    'a=(b c)',
    'echo $((1 + 1))',
    'echo ${X:-$(rm)}',
    "echo $'\\x72'",
    'echo `echo \\`rm\\``',
    'echo "open',
    "echo 'open",
    'ls > >(rm x)',
    '&& ls',
    'ls ;; ls',
    '(ls',
    'ls)',
    '(ls) rm',
    'ls \\\n rm',
    'ls\r',
    'ls >',
    'ls > $X',
    'ls 2>&1x',
    'ls <> x',
    'echo rm | bash',
    'echo rm | bash -s',
    'bash -c -- "rm x"',
    'bash -c $X',
    'bash -c',
    'bash --norc -c "rm"',
    'bash -o',
    'bash /dev/stdin',
    'source x',
    '. x',
    "trap 'rm x' EXIT",
    "alias ls='rm x'",
    'su -c rm',
    'watch rm',
    'env -S "rm x"',
    'env --what rm',
    'env -u',
    'timeout --signal KILL=2 --foreground=1 2 rm',
    'timeout',
    'xargs -I {} {} x',
    'ls | xargs env',
    'sudo -i',
    'find . -exec rm {}',
    'find $X',
    "test -v 'a[$(rm)]'",
    'printf -v x y',
    "PS4='$(rm)' bash -xc ls",
    'nice -10 rm',
    `${'('.repeat(30)}rm${')'.repeat(30)}`,
    `${'eval '.repeat(30)}rm`,
  ])('%s can not be read, and is denied', (script) => {
    expect(may({ allow: ['Bash', 'Edit', 'Read'] }, shell(script))).toMatchObject({
      effect: 'deny',
      rule: 'unreadable',
    });
  });

  it('is allowed when every part of it is, the wrapper too', () => {
    const script = 'git status && (npm run test | grep -c ok) 2>&1 > out/log; timeout 5 git log "$X" < in >/dev/null';
    const allow = ['Bash(bash:*)', 'Bash(git:*)', 'Bash(npm run test)', 'Bash(grep:*)', 'Edit(out/**)', 'Read'];
    expect(may({ allow }, shell(script))).toMatchObject({
      effect: 'deny',
      rule: 'default',
      about: expect.stringMatching(/^timeout/),
    });
    expect(may({ allow: [...allow, 'Bash(timeout:*)'] }, shell(script))).toMatchObject({ effect: 'allow' });
  });

  it('opens only the files that may be', () => {
    expect(may(rules, shell('ls > out/a'))).toMatchObject({ effect: 'allow' });
    expect(may(rules, shell('ls > a'))).toMatchObject({ effect: 'deny', about: 'Edit(a)' });
    expect(may(rules, shell('ls &>> /etc/a'))).toMatchObject({ effect: 'deny', about: 'Edit(/etc/a)' });
    expect(may(rules, shell('cat < /etc/a'))).toMatchObject({ effect: 'deny', about: 'Read(/etc/a)' });
    expect(may(rules, shell('cat < ../a'))).toMatchObject({ effect: 'deny', about: 'Read(../a)' });
    expect(may({ ...rules, deny: ['Read(secret/**)'] }, shell('cat < a/../../x'))).toMatchObject({
      rule: 'Read(secret/**)',
    });
  });

  it('with an argument that nobody knows yet is denied, or asked about, when it may be meant, and allowed only by what allows all', () => {
    expect(may(rules, shell('git $X'))).toMatchObject({ effect: 'ask' });
    expect(may(rules, shell('git pull $X'))).toMatchObject({ effect: 'allow' });
    expect(may({ allow: ['Bash(bash:*)', 'Bash(git pull)'] }, shell('git pull $X'))).toMatchObject({ effect: 'deny' });
    expect(
      may({ allow: ['Bash(bash:*)', 'Bash(git pull:*)'] }, shell('git pull $X *.md {a,b} "${Y}$1"')),
    ).toMatchObject({
      effect: 'allow',
    });
    expect(may({ allow: ['Bash(bash:*)', 'Bash(ls)'] }, shell('X=$(ls) ls'))).toMatchObject({ effect: 'deny' });
  });

  it('in its own environment needs a rule that says so', () => {
    const allow = ['Bash(bash:*)', 'Bash(npm test)'];
    expect(may({ allow }, shell('LD_PRELOAD=x npm test'))).toMatchObject({
      effect: 'deny',
      about: 'LD_PRELOAD=x npm test',
    });
    expect(may({ allow: [...allow, 'Bash(CI=1 npm test)'] }, shell('CI=1 npm test'))).toMatchObject({
      effect: 'allow',
    });
    expect(may({ allow }, shell('PATH=/tmp; npm test'))).toMatchObject({ effect: 'deny', about: 'PATH=/tmp' });
  });

  it('may use what quotes are for', () => {
    const allow = ['Bash(bash:*)', 'Bash(echo:*)'];
    for (const script of [
      `echo 'a; rm x'`,
      `echo "a \\" \\$(x) \\y \\\\" $ a=b`,
      'echo a\\;b',
      'echo $',
      'echo a 2>&-',
    ]) {
      expect(may({ allow }, shell(script))).toMatchObject({ effect: 'allow' });
    }
  });
});
