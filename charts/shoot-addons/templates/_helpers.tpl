{{- define "image" -}}
{{- $reference := index .root.Values.images .name -}}
{{- required (printf "values.images lacks %s" .name) $reference -}}
{{- end }}

{{/* Every workload that the health of the system is judged by carries the second label. */}}
{{- define "labels" -}}
k8s-app: {{ . }}
trellis.internal/system-component: "true"
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: shoot-addons
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

{{/* Name of a replica of vpn-shoot: vpn-shoot, vpn-shoot-1. Each is a Deployment of its own, since each has keys and addresses of its own. */}}
{{- define "vpn-shoot.name" -}}
vpn-shoot{{ if gt (int .) 0 }}-{{ . }}{{ end }}
{{- end }}
