import { Failure, isFailure } from '@trellis/foundation/failure'
import type { AgentContext } from '../context.ts'
import type { Step } from '../runner.ts'

/**
 * Waits until the API server would take a certificate request from this machine. The kubelet waits ever longer between its own tries, so it is started
 * when its first one can succeed; and what is missing (server, token, permission) is told apart here.
 */
export function reachApiServer({ client }: AgentContext): Step {
  return {
    name: 'reach-api-server',
    after: [],
    run: async (signal) => {
      try {
        const review = await client.call<{ status?: { allowed?: boolean } }>({
          method: 'POST',
          path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SelfSubjectAccessReview',
            spec: {
              resourceAttributes: {
                group: 'certificates.k8s.io',
                resource: 'certificatesigningrequests',
                verb: 'create',
              },
            },
          },
          signal,
        })
        if (review?.status?.allowed !== true) {
          throw new Failure('Unavailable', 'this machine may not ask for certificates yet', {
            remedy: 'bind system:bootstrappers to the cluster role system:node-bootstrapper',
          })
        }
      } catch (error) {
        throw isFailure(error) ? stillWaiting(error) : error
      }
    },
  }
}

/** Whatever the API server objects to while it starts may pass. */
function stillWaiting(error: Failure): Failure {
  const message =
    error.kind === 'Unauthorized' ? 'the API server does not know the bootstrap token (yet)' : error.message
  return new Failure('Unavailable', message, {
    cause: error.kind === 'Unauthorized' ? error : error.cause,
    remedy: error.remedy,
  })
}
