import type { Charter } from '@vt/value-train';

export interface Person {
  readonly name: string;
  readonly role: string;
  readonly email: string;
  readonly responsibility: string;
}

/** Everybody the charter names, the sponsor first, each once. */
export const peopleOf = ({ sponsor, contacts }: Charter): Person[] => {
  const others = contacts.filter(({ email }) => email !== sponsor.email);
  const itself = contacts.find(({ email }) => email === sponsor.email);
  const asSponsor = { ...sponsor, responsibility: sponsor.responsibility ?? itself?.responsibility ?? 'Sponsor' };
  return [asSponsor, ...others.map((person) => ({ ...person, responsibility: person.responsibility ?? person.role }))];
};
