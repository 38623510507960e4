import 'reflect-metadata';
import { runService } from '@vt/service';
import { ledger } from './index.ts';

await runService(ledger);
