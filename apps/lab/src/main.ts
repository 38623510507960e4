import { runService } from '@vt/service';
import { lab } from './index.ts';

await runService(lab);
