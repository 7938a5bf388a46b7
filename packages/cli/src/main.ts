#!/usr/bin/env node
import { userInfo } from 'node:os';
import { createContext } from './context.ts';
import { runProgram } from './program.ts';
import { watchSignals } from './signals.ts';

const controller = new AbortController();
const context = createContext(process, controller, userName());
watchSignals(process, controller, { say: context.note, exit: (code) => process.exit(code) });
process.exitCode = await runProgram(process.argv.slice(2), context);

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? `uid ${process.getuid?.() ?? 'unknown'}`; // a user whom the system does not know, as in containers
  }
}
