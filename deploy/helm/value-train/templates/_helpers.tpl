{{- define "value-train.name" -}}{{ .Release.Name }}{{- end -}}

{{- define "value-train.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "value-train.labels" -}}
app.kubernetes.io/part-of: value-train
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{ include "value-train.selector" . }}
{{- end -}}

{{- define "value-train.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "value-train.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "value-train.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- /* One key of a secret, as a file that is named like the setting. */ -}}
{{- define "value-train.secretFile" -}}
- secret: { name: {{ .secret }}, items: [{ key: {{ .key }}, path: {{ .setting }} }] }
{{- end -}}

{{- define "value-train.databaseFile" -}}
{{- $secret := .secret | default (required "database.existingSecret: name the secret with the connection string" .root.Values.database.existingSecret) -}}
{{- include "value-train.secretFile" (dict "secret" $secret "key" .root.Values.database.secretKey "setting" "DATABASE_URL") -}}
{{- end -}}

{{- /* Names carry the image's tag, so that a new version is a new Job and a re-run of the same one is none. */ -}}
{{- define "value-train.migration" -}}
{{ printf "%s-migrate-%s" .Release.Name (.Values.image.tag | default .Chart.AppVersion | replace "." "-" | trunc 20) | trimSuffix "-" }}
{{- end -}}
