/** Finalizers of the machine kinds and of what they use. */
export const machineFinalizers = {
  /** On Machine, MachineClass, MachineSet and MachineDeployment. */
  object: 'machine.sapcloud.io/machine-controller-manager',
  /** On Secrets that a MachineClass refers to. */
  secret: 'machine.sapcloud.io/machine-controller',
  /** On Nodes of machines. */
  node: 'node.machine.sapcloud.io/machine-controller',
} as const

/** Keys of labels. */
export const machineLabels = {
  /** Machine: name of its Node. */
  node: 'node',
  /** Machine, from the template: name of its MachineDeployment. */
  deploymentName: 'name',
  /** MachineSet, Machine and selectors: hash of the template. */
  templateHash: 'machine-template-hash',
  /** MachineSet, MachineDeployment: `True` when frozen by the safety controller. */
  freeze: 'freeze',
  /** Machine: forces drain and skips waits. */
  forceDeletion: 'force-deletion',
  /** Machine: `True` forces the drain of an update in place or a preservation. */
  forceDrain: 'force-drain',
  /** Old MachineSet: an update in place runs. */
  scaleUpDisabled: 'node.machine.sapcloud.io/scale-up-disabled',
  /** Node: may be updated in place. */
  candidateForUpdate: 'node.machine.sapcloud.io/candidate-for-update',
  /** Node: is to be updated in place now. */
  selectedForUpdate: 'node.machine.sapcloud.io/selected-for-update',
  /** Node: `successful` or `failed`, written by whoever updates in place. */
  updateResult: 'node.machine.sapcloud.io/update-result',
  /** Node: name of its Machine. */
  machineName: 'node.gardener.cloud/machine-name',
} as const

/** Keys of annotations. */
export const machineAnnotations = {
  /** Machine: order of deletion; `1` goes first, `3` is usual. */
  priority: 'machinepriority.machine.sapcloud.io',
  /** MachineDeployment: list of `machine~instant` that cluster-autoscaler wants gone. */
  triggerDeletion: 'node.machine.sapcloud.io/trigger-deletion-by-mcm',
  /** Machine: when it was marked for deletion. */
  markedForDeletionTime: 'machine.sapcloud.io/marked-for-deletion-time',
  /** MachineDeployment and MachineSet: when the autoscaler last changed the replicas. */
  lastReplicaChangeByScalerTime: 'machine.sapcloud.io/last-deployment-replica-change-by-scaler-time',
  /** MachineDeployment, MachineSet and Machine: wins over the creation timeout of spec and flag. */
  effectiveCreationTimeout: 'node.machine.sapcloud.io/effective-creation-timeout',
  /** MachineDeployment, MachineSet: `true` makes `minReadySeconds` delay availability. */
  honourMinReadySeconds: 'machine.sapcloud.io/honour-min-ready-seconds',
  /** Machine: JSON of a digest by path of those fields of its class that its server was given and can be given anew while it runs; ours. */
  appliedProviderFields: 'machine.sapcloud.io/applied-provider-fields',
  /** Machine or Node: `now`, `when-failed`, `auto-preserved` or `false`. */
  preserve: 'node.machine.sapcloud.io/preserve',
  /** Machine: the Node's value of {@link machineAnnotations.preserve} that was acted on last. */
  lastAppliedNodePreserveValue: 'node.machine.sapcloud.io/last-applied-node-preserve-value',
  /** Node: the failure for which its pods were moved away, of a machine that is preserved. */
  drainedForPreservation: 'node.machine.sapcloud.io/drained-for-preservation',
  /** Node: JSON of the node template applied last. */
  lastAppliedTemplate: 'node.machine.sapcloud.io/last-applied-anno-labels-taints',
  /** Node: JSON of the virtual capacity applied last. */
  lastAppliedVirtualCapacity: 'node.machine.sapcloud.io/last-applied-virtual-capacity',
  /** Node: `1` when no machine stands behind it. */
  notManaged: 'node.machine.sapcloud.io/not-managed-by-mcm',
  /** Node: why the update in place failed. */
  updateFailedReason: 'node.machine.sapcloud.io/update-failed-reason',
  /** MachineSet, MachineDeployment: asks to be unfrozen. */
  unfreeze: 'safety.machine.sapcloud.io/unfreeze',
  /** MachineDeployment: comma-separated names of classes to try in that order while the cloud has no servers of the template's class; ours. */
  fallbackClasses: 'machine.sapcloud.io/fallback-classes',
  /** MachineDeployment: how many of its sick machines may be replaced at a time, as a number or percentage; ours. */
  maxReplacements: 'safety.machine.sapcloud.io/max-replacements',
  /** MachineDeployment: the same for each zone; ours. */
  maxReplacementsPerZone: 'safety.machine.sapcloud.io/max-replacements-per-zone',
  /** MachineSet: its nodes carry {@link machineTaints.preferNoSchedule}. */
  preferNoSchedule: 'deployment.machine.sapcloud.io/prefer-no-schedule',
  /** MachineSet: bookkeeping of rollouts. */
  revision: 'deployment.kubernetes.io/revision',
  revisionHistory: 'deployment.kubernetes.io/revision-history',
  desiredReplicas: 'deployment.kubernetes.io/desired-replicas',
  maxReplicas: 'deployment.kubernetes.io/max-replicas',
  /** Node: keeps cluster-autoscaler from removing it. */
  scaleDownDisabled: 'cluster-autoscaler.kubernetes.io/scale-down-disabled',
  /** Node: says that {@link machineAnnotations.scaleDownDisabled} is ours to remove. */
  scaleDownDisabledByUs: 'cluster-autoscaler.kubernetes.io/scale-down-disabled-by-mcm',
  /** Annotation of a node template: JSON of an EC2 placement. */
  awsPlacement: 'machine.sapcloud.io/awsPlacement',
} as const

/** Keys of taints. */
export const machineTaints = {
  /** NoSchedule: a joining machine stays Pending while its Node has it. */
  criticalComponentsNotReady: 'node.gardener.cloud/critical-components-not-ready',
  /** PreferNoSchedule, value `True`: on the nodes of old machine sets. */
  preferNoSchedule: 'deployment.machine.sapcloud.io/prefer-no-schedule',
  /** NoSchedule: on the nodes of preserved failed machines. */
  preserved: 'node.machine.sapcloud.io/preserved',
} as const

/** Types and reasons of conditions that are written to Nodes. */
export const machineNodeConditions = {
  terminating: { type: 'Terminating', unhealthy: 'Unhealthy', scaleDown: 'ScaleDown' },
  inPlaceUpdate: {
    type: 'InPlaceUpdate',
    candidateForUpdate: 'CandidateForUpdate',
    selectedForUpdate: 'SelectedForUpdate',
    drainSuccessful: 'DrainSuccessful',
    readyForUpdate: 'ReadyForUpdate',
    updateSuccessful: 'UpdateSuccessful',
    updateFailed: 'UpdateFailed',
  },
  preserved: {
    type: 'Preserved',
    byMachineControllerManager: 'PreservedByMCM',
    byUser: 'PreservedByUser',
    stopped: 'PreservationStopped',
  },
} as const

/** Types and reasons of conditions of MachineSets and MachineDeployments. */
export const machineConditionReasons = {
  available: {
    type: 'Available',
    minimumAvailable: 'MinimumReplicasAvailable',
    minimumUnavailable: 'MinimumReplicasUnavailable',
  },
  progressing: {
    type: 'Progressing',
    newMachineSetCreated: 'NewMachineSetCreated',
    foundNewMachineSet: 'FoundNewMachineSet',
    machineSetUpdated: 'MachineSetUpdated',
    newMachineSetAvailable: 'NewMachineSetAvailable',
    deadlineExceeded: 'ProgressDeadlineExceeded',
    paused: 'DeploymentPaused',
    resumed: 'DeploymentResumed',
    createError: 'MachineSetCreateError',
  },
  replicaFailure: { type: 'ReplicaFailure', failedCreate: 'FailedCreate', failedDelete: 'FailedDelete' },
  frozen: {
    type: 'Frozen',
    overShooting: 'OverShootingReplicaCount',
    deploymentStateSync: 'MachineDeploymentStateSync',
  },
} as const

/** Reasons of events about MachineSets and MachineDeployments. */
export const machineEventReasons = {
  successfulCreate: 'SuccessfulCreate',
  failedCreate: 'FailedCreate',
  successfulDelete: 'SuccessfulDelete',
  failedDelete: 'FailedDelete',
  scalingMachineSet: 'ScalingMachineSet',
  selectingAll: 'SelectingAll',
  frozeMachineSet: 'FrozeMachineSet',
  unfrozeMachineSet: 'UnfrozeMachineSet',
  rollback: 'DeploymentRollback',
  rollbackRevisionNotFound: 'DeploymentRollbackRevisionNotFound',
  rollbackTemplateUnchanged: 'DeploymentRollbackTemplateUnchanged',
} as const

/** Driver codes as `status.lastOperation.errorCode` holds them. */
export const machineErrorCodes = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
  'Uninitialized',
] as const
export type MachineErrorCode = (typeof machineErrorCodes)[number]
