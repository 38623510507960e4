import { msOf } from '@vt/kernel';
import { isOfPattern, type ApprovalGroup, type Pipeline, type PipelinePhase } from '@vt/value-train';
import { suggest, type Finding } from './problem.ts';

type Path = Finding['path'];

const groupFindings = ({ people = [], count, escalateAfter, deniedAfter }: ApprovalGroup, path: Path): Finding[] => {
  const twice = people.findIndex((name, at) => people.indexOf(name) < at);
  const early = escalateAfter.findIndex((length, at) => at > 0 && msOf(length) <= msOf(escalateAfter[at - 1]!));
  const late = escalateAfter.findIndex((length) => deniedAfter !== undefined && msOf(length) >= msOf(deniedAfter));
  return [
    ...(twice === -1
      ? []
      : [{ path: [...path, 'people', twice], message: `${people[twice]} is there twice`, mend: 'remove one' }]),
    ...(people.length > 0 && count > people.length
      ? [
          {
            path: [...path, 'count'],
            message: `count is ${count}, but people are ${people.length}`,
            mend: 'name more people, or lower the count',
          },
        ]
      : []),
    ...(early === -1
      ? []
      : [{ path: [...path, 'escalateAfter', early], message: 'is not later than the one before', mend: 'sort them' }]),
    ...(late === -1
      ? []
      : [
          {
            path: [...path, deniedAfter === undefined ? 'escalateAfter' : 'deniedAfter'],
            message: `silence is escalated after ${escalateAfter[late]}, but means no after ${deniedAfter} already`,
            mend: 'set a later deniedAfter, or fewer escalateAfter',
          },
        ]),
  ];
};

function phaseFindings(phase: PipelinePhase, path: Path): Finding[] {
  const { id, approvals, approvalsInOrder, approvalsNeed, artifacts } = phase;
  const roles = approvals.map(({ role }) => role);
  const files = artifacts.filter(({ required }) => required).map(({ path: file }) => file);
  return [
    ...approvals.flatMap((group, at) => [
      ...(roles.indexOf(group.role) < at
        ? [
            {
              path: [...path, 'approvals', at, 'role'],
              message: `approval of the role "${group.role}" is there twice`,
              mend: 'ask for it once, with a count',
            },
          ]
        : []),
      ...groupFindings(group, [...path, 'approvals', at]),
    ]),
    ...(approvalsInOrder && approvals.length < 2
      ? [
          {
            path: [...path, 'approvalsInOrder'],
            message: `${approvals.length} approval of ${id} can not be in order`,
            mend: 'remove it, or ask more groups',
          },
        ]
      : []),
    ...Object.entries(approvalsNeed).flatMap(([what, where]): Finding[] => {
      const at = [...path, 'approvalsNeed', what];
      if (approvals.length === 0)
        return [{ path: at, message: `${id} asks nobody`, mend: 'add approvals, or remove it' }];
      const [file = ''] = where.split('#');
      if (files.includes(file)) return [];
      return [{ path: at, message: `"${file}" is no required artifact of ${id}`, mend: suggest(file, files) }];
    }),
  ];
}

const checkIds = ({ phases }: Pipeline): string[] =>
  phases.flatMap(({ id, actions, artifacts, entry, exit }) => [
    ...actions.map((action) => `action:${action.id}`),
    ...artifacts.map(({ path }) => `artifact:${path}`),
    ...exit.map((criterion) => `criterion:${criterion.id}`),
    ...entry.map((criterion) => `entry:${id}.${criterion.id}`),
  ]);

function waiverFindings(pipeline: Pipeline): Finding[] {
  const { waivers, phases } = pipeline;
  if (!waivers) return [];
  // Only of a role that a gate asks is it sure that somebody on the train has it.
  const roles = phases.flatMap(({ approvals }) => approvals.map(({ role }) => role));
  const ids = checkIds(pipeline);
  return [
    ...waivers.roles.flatMap((role, at) =>
      roles.includes(role)
        ? []
        : [{ path: ['waivers', 'roles', at], message: `no gate asks the role "${role}"`, mend: suggest(role, roles) }],
    ),
    ...waivers.never.flatMap((pattern, at) =>
      ids.some((id) => isOfPattern(pattern, id))
        ? []
        : [
            {
              path: ['waivers', 'never', at],
              message: `no gate has a check "${pattern}"`,
              mend: suggest(pattern, ids),
            },
          ],
    ),
  ];
}

/** Approvals that nobody could give, or that would never be asked for, and waivers of nobody or of nothing. */
export const approvalChecks = (pipeline: Pipeline): Finding[] => [
  ...pipeline.phases.flatMap((phase, index) => phaseFindings(phase, ['phases', index])),
  ...waiverFindings(pipeline),
];
