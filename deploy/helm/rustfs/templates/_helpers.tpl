{{- define "rustfs.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "rustfs.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "rustfs.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rustfs.selector" -}}
app.kubernetes.io/name: {{ include "rustfs.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rustfs.labels" -}}
{{ include "rustfs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "rustfs.secretName" -}}
{{- default (include "rustfs.fullname" .) .Values.credentials.existingSecret -}}
{{- end -}}

{{- define "rustfs.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "rustfs.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The server starts without keys for this machine alone: in a pod nobody could use it, so that is no default here. */}}
{{- define "rustfs.checkCredentials" -}}
{{- $own := and .Values.credentials.accessKey .Values.credentials.secretKey -}}
{{- if and (not .Values.credentials.existingSecret) (not $own) -}}
{{- fail "no keys: set credentials.existingSecret to a secret with access-key and secret-key, or credentials.accessKey and credentials.secretKey" -}}
{{- end -}}
{{- if and .Values.credentials.existingSecret (or .Values.credentials.accessKey .Values.credentials.secretKey) -}}
{{- fail "two kinds of keys: set either credentials.existingSecret, or credentials.accessKey and credentials.secretKey" -}}
{{- end -}}
{{- if has .Values.credentials.secretKey (list "rustfssecret" "rustfsadmin" "minioadmin" "minio123" "password") -}}
{{- fail "credentials.secretKey is one that everybody knows: choose another" -}}
{{- end -}}
{{- end -}}
