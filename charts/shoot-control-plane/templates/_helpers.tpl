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
