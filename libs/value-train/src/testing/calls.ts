import { Permissions, permit, type Call } from '../permissions.ts';

export const may = (rules: Partial<Permissions>, call: Call) => permit(Permissions.parse(rules), call);
export const tool = (name: string): Call => ({ kind: 'tool', name });
export const command = (...argv: string[]): Call => ({ kind: 'command', argv });
export const shell = (script: string): Call => command('bash', '-c', script);
export const read = (path: string): Call => ({ kind: 'file', to: 'read', path });
export const write = (path: string): Call => ({ kind: 'file', to: 'write', path });
