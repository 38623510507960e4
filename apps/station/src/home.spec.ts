import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Home } from './home.ts';

let folder: string;
let home: Home;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vt-home-'));
  home = new Home(join(folder, 'home'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const address = { url: 'http://127.0.0.1:4711', apiKey: 'vt_key', pid: 42 };

it('makes nothing before there is something to keep', () => {
  expect(home.address()).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

it('makes one key, and keeps it for its owner', () => {
  const key = home.adminKey();
  expect(key).toMatch(/^vt_[\w-]{43}$/);
  expect(new Home(home.path).adminKey()).toBe(key);
  expect([home.path, home.at('admin-key')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
});

it('says where the station is, and keeps its address when it leaves', () => {
  home.announce(address);
  expect(home.address()).toEqual(address);
  home.withdraw();
  expect(home.address()).toEqual({ ...address, pid: 0 });
  expect(readdirSync(home.path)).toEqual(['station.json']);
});

it('replaces a file whole: who has opened it before reads what it was', () => {
  home.announce(address);
  const before = statSync(home.at('station.json')).ino;
  home.announce({ ...address, pid: 43 });
  expect(statSync(home.at('station.json')).ino).not.toBe(before);
});

it.each(['', '{"url": "http://127', '{}', '{"url": "here", "apiKey": "k", "pid": 1}'])(
  'takes %j for no address',
  (text) => {
    home.adminKey();
    writeFileSync(home.at('station.json'), text);
    expect(home.address()).toBeUndefined();
  },
);
