import { runService } from '@vt/service';
import { studio } from './index.ts';

await runService(studio);
