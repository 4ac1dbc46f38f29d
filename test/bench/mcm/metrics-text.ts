/** One sample of a metrics page. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The samples of one metric in Prometheus' text format. */
export function samplesOf(text: string, metric: string): readonly Sample[] {
  return text.split('\n').flatMap((line): Sample[] => {
    const match = line.startsWith(metric) ? /^(?:\{(.*)\})? (\S+)$/.exec(line.slice(metric.length)) : null
    return match === null ? [] : [{ labels: labelsOf(match[1] ?? ''), value: Number(match[2]) }]
  })
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]))
}

/** The sum of a metric's samples that carry the given labels. */
export function sumOf(text: string, metric: string, labels: Readonly<Record<string, string>> = {}): number {
  return samplesOf(text, metric)
    .filter((sample) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value))
    .reduce((sum, { value }) => sum + value, 0)
}
