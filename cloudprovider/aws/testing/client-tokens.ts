import { type Forward, type QueryAnswer, type QueryCall, refusal } from './ec2-front.ts'

interface Use {
  readonly parameters: string
  readonly answer: Promise<QueryAnswer>
}

/**
 * Client tokens of RunInstances as EC2 documents them, which moto passes over: a token that was used gives the server that it made, is refused with other parameters,
 * and is refused when the server has ended. The filter `client-token` works too. New servers are pending in the answer that makes them.
 */
export function createClientTokens(forward: Forward): Forward {
  const uses = new Map<string, Use>()
  return (call) => {
    const action = call.parameters.get('Action')
    if (action === 'RunInstances') return run(forward, uses, call)
    return action === 'DescribeInstances' ? describeByToken(forward, uses, call) : forward(call)
  }
}

async function run(forward: Forward, uses: Map<string, Use>, call: QueryCall): Promise<QueryAnswer> {
  const token = call.parameters.get('ClientToken') ?? ''
  const parameters = call.parameters.toString()
  const use = uses.get(token)
  if (use === undefined) {
    const answer = forward(call).then(({ status, body }) => ({ status, body: asPending(body) }))
    uses.set(token, { parameters, answer })
    if ((await answer).status !== 200) uses.delete(token)
    return answer
  }
  if (use.parameters !== parameters) return refusal('IdempotentParameterMismatch')
  const id = idIn((await use.answer).body)
  const now = await describe(forward, call, id)
  if (/<instanceState>\s*<code>48/.test(now.body)) return refusal('IdempotentInstanceTerminated')
  const reservation = /<reservationSet>\s*<item>(.*)<\/item>\s*<\/reservationSet>/s.exec(now.body)?.[1] ?? ''
  return { status: 200, body: `<?xml version="1.0"?><RunInstancesResponse>${reservation}</RunInstancesResponse>` }
}

async function describeByToken(forward: Forward, uses: Map<string, Use>, call: QueryCall): Promise<QueryAnswer> {
  const index = [1, 2, 3, 4, 5].find((one) => call.parameters.get(`Filter.${one}.Name`) === 'client-token')
  if (index === undefined) return forward(call)
  const use = uses.get(call.parameters.get(`Filter.${index}.Value.1`) ?? '')
  return describe(forward, call, use === undefined ? 'i-none' : idIn((await use.answer).body))
}

function describe(forward: Forward, { headers }: QueryCall, id: string): Promise<QueryAnswer> {
  const filter = { 'Filter.1.Name': 'instance-id', 'Filter.1.Value.1': id }
  const parameters = new URLSearchParams({ Action: 'DescribeInstances', Version: '2016-11-15', ...filter })
  return forward({ parameters, headers })
}

function idIn(body: string): string {
  return /<instanceId>([^<]+)</.exec(body)?.[1] ?? 'i-none'
}

function asPending(body: string): string {
  return body.replace(
    /<instanceState>.*?<\/instanceState>/gs,
    '<instanceState><code>0</code><name>pending</name></instanceState>',
  )
}
