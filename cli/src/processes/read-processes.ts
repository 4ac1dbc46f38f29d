import { readdir, readFile } from 'node:fs/promises'
import type { ProcessView } from './memory.ts'

/** Every process of this machine that still exists while it is read. */
export async function readProcesses(): Promise<readonly ProcessView[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const views = await Promise.all(pids.map((pid) => readProcess(pid).catch(() => undefined)))
  return views.filter((view) => view !== undefined)
}

async function readProcess(pid: number): Promise<ProcessView> {
  const [commandLine, status, controlGroups] = await Promise.all(
    ['cmdline', 'status', 'cgroup'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
  )
  return {
    pid,
    args: (commandLine ?? '').split('\0').filter((argument) => argument !== ''),
    residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status ?? '')?.[1] ?? 0) * 1024,
    controlGroups: (controlGroups ?? '')
      .split('\n')
      .map((line) => line.split(':').slice(2).join(':'))
      .filter((path) => path !== ''),
  }
}
