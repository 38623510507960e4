import { expect, it } from '@jest/globals';
import { Permissions } from '@vt/value-train';
import { refusalWithoutPeople } from './guard.ts';

const call = { kind: 'tool', name: 'lab.train' } as const;

it('refuses what can not be evaluated', () => {
  const broken = new Proxy(Permissions.parse({ allow: ['lab.*'] }), {
    get: () => {
      throw new Error('out of memory');
    },
  });
  expect(refusalWithoutPeople(broken, call)).toMatchObject({
    code: 'tool-refused',
    message: 'the mode denies lab.train (Error: out of memory), by the rule error',
  });
});

it('refuses what a person would have to allow, where there is nobody', () => {
  expect(refusalWithoutPeople(Permissions.parse({ ask: ['lab.*'] }), call)).toMatchObject({ code: 'tool-refused' });
  expect(refusalWithoutPeople(Permissions.parse({ allow: ['lab.*'] }), call)).toBeUndefined();
});
