{{- define "image" -}}
{{- $reference := index .root.Values.images .name -}}
{{- required (printf "values.images lacks %s" .name) $reference -}}
{{- end }}

{{- define "labels" -}}
app: {{ . }}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: shoot-control-plane
{{- end }}

{{- define "podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* A map of feature gates as the argument that Kubernetes takes. */}}
{{- define "featureGates" -}}
{{- $pairs := list -}}
{{- range $name, $on := . -}}{{- $pairs = append $pairs (printf "%s=%t" $name $on) -}}{{- end -}}
{{- join "," $pairs -}}
{{- end }}

{{/*
The API servers, each with an end of the tunnel: a list of their numbers, UDP ports, and whether others answer while they stop. Each is a Deployment of its own, since each has keys and ports of its own.
*/}}
{{- define "ends" -}}
{{- $ends := list (dict "number" 0 "tunnelPorts" .Values.frontDoor.tunnelPorts "drains" .Values.kubeApiserver.highlyAvailable) -}}
{{- range $index, $one := .Values.furtherReplicas -}}
{{- $ends = append $ends (dict "number" (add $index 1) "tunnelPorts" $one.tunnelPorts "drains" true) -}}
{{- end -}}
{{- toJson $ends -}}
{{- end }}

{{/* Name of what one of several has: that of the first is as if it were alone. */}}
{{- define "replica.name" -}}
{{ .name }}{{ if gt (int .end.number) 0 }}-{{ int .end.number }}{{ end }}
{{- end }}

{{/* Label by which further ones differ from the first, whose Deployment may not get another selector. */}}
{{- define "replica.label" -}}
{{- if gt (int .number) 0 }}trellis.internal/replica: {{ int .number | quote }}{{ end -}}
{{- end }}

{{/* Further ones stay away from the others' nodes and zones where there is a choice; the first need not say so, too. */}}
{{- define "replica.affinity" -}}
{{- if gt (int .end.number) 0 -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: topology.kubernetes.io/zone
          labelSelector: { matchLabels: { app: {{ .name }} } }
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: { matchLabels: { app: {{ .name }} } }
{{- end -}}
{{- end }}

{{/* One at a time: the other answers meanwhile. */}}
{{- define "replica.budget" -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ . }}
  labels: {{- include "labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: { app: {{ . }} }
{{- end }}
