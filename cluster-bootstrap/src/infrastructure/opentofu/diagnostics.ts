import { meaningOf } from '@trellis/cloudprovider/aws/failures'
import {
  failureOfAnswer as failureOfGoogleAnswer,
  failureOfOperation as failureOfGoogleOperation,
} from '@trellis/cloudprovider/gcp/failures'
import { failureOfAnswer as failureOfOpenStackAnswer } from '@trellis/cloudprovider/openstack/failures'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import type { Diagnostic } from './messages.ts'

/**
 * How providers quote a cloud, and the kind of what they quote: by the tables of the drivers, which know the clouds' codes. OpenTofu has texts only where clouds have codes,
 * so these patterns are as close to a code as one can come. Read from: gophercloud (`ErrUnexpectedResponseCode`), aws-sdk-go-v2 (`smithy.OperationError`), googleapi
 * (`googleapi.Error`) and the waiters of the Google provider. Undefined when a text quotes nothing in that way.
 */
const quotes: readonly ((text: string) => FailureKind | undefined)[] = [
  (text) => {
    const pattern = /Expected HTTP response code \[[\d ]+\] when accessing .*?, but got (\d{3}) instead(?:: (.*))?/s
    const [, status, body = ''] = pattern.exec(text) ?? []
    return status === undefined
      ? undefined
      : failureOfOpenStackAnswer({ status: Number(status), text: objectIn(body) }, '').kind
  },
  (text) => {
    const [, status, code] = /StatusCode: (\d{3})\b.*?\bapi error ([A-Za-z][\w.]*)/s.exec(text) ?? []
    return code === undefined ? undefined : meaningOf(code, Number(status)).kind
  },
  (text) => {
    const [, status, reason] = /googleapi: Error (\d{3}): (?:.*, ([A-Za-z]\w+)\s*$)?/ms.exec(text) ?? []
    if (status === undefined) return undefined
    const body = JSON.stringify({ error: { errors: [{ reason }] } })
    return failureOfGoogleAnswer(Number(status), body, null).kind
  },
  (text) => {
    const [, code] = /Error (?:code|waiting).*?\b([A-Z][A-Z]+(?:_[A-Z]+)+)\b/s.exec(text) ?? []
    return code === undefined ? undefined : failureOfGoogleOperation([{ code, message: '' }]).kind
  },
]

/** The body of an answer, without what a provider says after it. */
function objectIn(text: string): string {
  return text.slice(0, text.lastIndexOf('}') + 1)
}

/** The first of these that occurs is what a run failed by: what a person must put right comes before what may pass. */
const gravest: readonly FailureKind[] = [
  'Unauthorized',
  'Forbidden',
  'Invalid',
  'Exhausted',
  'Throttled',
  'Conflict',
  'NotFound',
]

/** What kind of failure one error of OpenTofu is; `Unavailable` when it quotes nothing that is known. */
export function kindOf({ summary, detail = '' }: Diagnostic): FailureKind {
  const text = `${summary}\n${detail}`
  return quotes.map((quote) => quote(text)).find((kind) => kind !== undefined) ?? 'Unavailable'
}

/** Longest text of a failure; a cloud may quote a whole page. */
const longestText = 1500

/**
 * The errors of a run as one failure, with the gravest of their kinds and all of their texts. What a cloud does not find is `Conflict`: something went away while
 * others still named it, and the next run sees that.
 */
export function failureOf(what: string, diagnostics: readonly Diagnostic[]): Failure {
  const errors = diagnostics.filter((one) => one.severity === 'error')
  const kinds = new Set(errors.map(kindOf))
  const kind = gravest.find((one) => kinds.has(one)) ?? 'Unavailable'
  const texts = [...new Set(errors.map(textOf))].join('; ').slice(0, longestText)
  return new Failure(
    kind === 'NotFound' ? 'Conflict' : kind,
    `${what}: ${texts === '' ? 'no reason was given' : texts}`,
  )
}

function textOf({ summary, detail, address }: Diagnostic): string {
  const at = address === undefined ? '' : `${address}: `
  const said = detail === undefined || detail === '' ? summary : `${summary}: ${detail}`
  return `${at}${said.replaceAll(/\s+/g, ' ').trim()}`
}
