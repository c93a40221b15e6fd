// The house's direction of imports: an arrow may be skipped, never turned (DESIGN.md, "The house").
const layers = [
  ['core'],
  ['kernels'],
  ['graph', 'nn', 'llm'],
  ['reddit', 'training', 'clustering', 'personas'],
  ['rewriting'],
  ['evaluation', 'vision', 'images'],
  ['artifacts'],
  ['pipeline'],
  ['cli'],
];

/** Each layer may import itself and what stands below; `artifacts` is reached from `pipeline` and `cli` only. */
const upward = layers.flatMap((folders, level) =>
  folders.map((folder) => ({
    name: `${folder}-imports-downward`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: {
      path: layers
        .slice(level)
        .flat()
        .filter((other) => other !== folder)
        .map((other) => `^src/${other}/`),
    },
  })),
);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...upward.filter((rule) => rule.to.path.length > 0),
    {
      name: 'graphology-enters-through-graph',
      severity: 'error',
      from: { pathNot: '^src/graph/graphology\\.ts$' },
      to: { path: 'node_modules/graphology' },
    },
    {
      name: 'transformers-enters-through-vision',
      severity: 'error',
      from: { pathNot: '^src/vision/clip\\.ts$' },
      to: { path: '@huggingface/transformers' },
    },
    {
      name: 'pure-folders-touch-no-files',
      comment: 'Only cli, artifacts, pipeline, reddit, llm and the engine loader touch files, network or processes.',
      severity: 'error',
      from: { path: '^src/(core|graph|nn|training|clustering|personas|rewriting|evaluation)/' },
      to: { path: '^(node:)?(fs|fs/promises|child_process|http|https|net|worker_threads)$', dependencyTypes: ['core'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  },
};
