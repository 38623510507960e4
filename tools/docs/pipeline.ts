import { loadPipelines, pipelineJsonSchema } from '@vt/profiles';

export const pipelinePage = async () => {
  const pipelines = await loadPipelines();
  return [
    '# Pipelines',
    '',
    'Generated from `libs/profiles`. The schema of the files is [pipeline.schema.json](../../libs/profiles/src/pipeline.schema.json).',
    '',
    ...pipelines.flatMap(({ pipeline, digest }) => [
      `## ${pipeline.title} (\`${pipeline.id}\`, version ${pipeline.version})`,
      '',
      pipeline.description,
      '',
      `Digest: \`${digest}\``,
      '',
      '| | phase | owner | mode | required artifacts | approvals | next |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      ...pipeline.phases.map((phase, index) =>
        [
          '',
          index + 1,
          `\`${phase.id}\` ${phase.title}`,
          phase.owner,
          phase.mode,
          phase.artifacts
            .filter(({ required }) => required)
            .map(({ path }) => `\`${path}\``)
            .join('<br>'),
          phase.approvals.map(({ role }) => role).join(', '),
          [
            phase.next ?? '',
            ...phase.loops.map(({ outcome, to }) => `${outcome} → ${to}`),
            ...phase.ends.map(({ outcome, as }) => `${outcome} → ${as}`),
          ]
            .filter(Boolean)
            .join('<br>'),
          '',
        ]
          .join(' | ')
          .trim(),
      ),
      '',
      '| mode | agents | allowed tools | may be followed by |',
      '| --- | --- | --- | --- |',
      ...pipeline.modes.map(
        ({ id, agents, tools, transitions }) =>
          `| \`${id}\` | ${agents.join(', ')} | ${tools.map((tool) => `\`${tool}\``).join(', ')} | ${transitions.join(', ')} |`,
      ),
      '',
    ]),
  ].join('\n');
};

/** What editors complete the files of pipelines by. */
export const pipelineSchema = () => JSON.stringify(pipelineJsonSchema());
