// `npm run demo`: the main job, from a fresh clone to a train that rode to its end.
process.argv.splice(2, 0, 'demo');
await import('./vt.ts');

export {};
