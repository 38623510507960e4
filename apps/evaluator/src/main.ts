import { runService } from '@vt/service';
import { evaluator } from './index.ts';

await runService(evaluator);
