// A process of its own, under Node's own loader: asks the model of the settings that it is given, and prints the answer.
import { ModelSettings, openModel } from '../tools/model.ts';

const model = await openModel(ModelSettings.parse(JSON.parse(process.argv[2]!)));
const signal = AbortSignal.timeout(10_000);
console.log(JSON.stringify(await model!.write({ instructions: 'Be brief.', prompt: 'Two rows.', signal })));
