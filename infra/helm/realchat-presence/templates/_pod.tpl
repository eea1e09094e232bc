{{/* What pods of both services have in common. */}}

{{/*
The environment. Takes (dict "root" $ "service" "presence" "redis" .Values.redis "settings" (dict …)); what values say by a
setting's name wins.
*/}}
{{- define "settings" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .service -}}
{{- $secrets := deepCopy $values.secretSettings -}}
{{- range $name, $_ := $values.settings -}}
{{- if regexMatch "(PASSWORD|SECRET|TOKEN)$" $name -}}
{{- fail (printf "%s.settings has %s, which everybody may read there: give it by %s.secretSettings" $.service $name $.service) -}}
{{- end -}}
{{- end -}}
{{- $settings := dict "ALLOW_INSECURE" "true" "DRAIN_DELAY" (printf "%ds" (int $values.drainDelaySeconds)) "DRAIN_TIMEOUT" (printf "%ds" (int $values.drainTimeoutSeconds)) "LOG_FORMAT" "json" -}}
{{- with .redis.url -}}{{- $_ := set $settings "REDIS_URL" . -}}{{- end -}}
{{- with .redis.existingSecret -}}
{{- $name := . -}}
{{- range $setting, $key := dict "REDIS_USERNAME" $.redis.secretKeys.username "REDIS_PASSWORD" $.redis.secretKeys.password -}}
{{- if $key -}}{{- $_ := set $secrets $setting (dict "name" $name "key" $key) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- with $root.Values.kafka -}}
{{- if .brokers -}}
{{- $_ := set $settings "KAFKA_BROKERS" (join "," .brokers) -}}
{{- if .sasl.mechanism -}}
{{- $_ := set $settings "KAFKA_SASL_MECHANISM" .sasl.mechanism -}}
{{- $_ := set $secrets "KAFKA_SASL_USERNAME" (dict "name" .sasl.existingSecret "key" .sasl.secretKeys.username) -}}
{{- $_ := set $secrets "KAFKA_SASL_PASSWORD" (dict "name" .sasl.existingSecret "key" .sasl.secretKeys.password) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $setting, $from := $values.files -}}
{{- $_ := set $settings $setting (printf "/etc/realchat/%s/%s" $setting $from.key) -}}
{{- end -}}
{{- $settings = mergeOverwrite $settings .settings $values.settings -}}
{{- range $name, $value := $settings }}
- { name: {{ $name }}, value: {{ kindIs "float64" $value | ternary (int64 $value) $value | toString | quote }} }
{{- end }}
{{- range $name, $from := $secrets }}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $from.name | quote }}, key: {{ $from.key | quote }} } }
{{- end }}
{{- end -}}

{{- define "podSecurity" -}}
runAsNonRoot: true
# The image's user, node.
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* Over zones where there are some, and over machines; by revision, so that a rollout does not count the pods that leave. */}}
{{- define "spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{/*
Whole folders, not subPath, so that a file that is replaced arrives in the pod. tls: by the name of the folder, the Secret
and what of it is needed; all of it by default.
*/}}
{{- define "mounts" -}}
{{- $values := index .root.Values .service -}}
{{- range $setting, $_ := $values.files }}
- { name: {{ $setting | lower | replace "_" "-" }}, mountPath: /etc/realchat/{{ $setting }}, readOnly: true }
{{- end }}
{{- range $name, $_ := .tls }}
- { name: {{ $name }}, mountPath: /etc/realchat/{{ $name }}, readOnly: true }
{{- end }}
{{- end -}}

{{- define "volumes" -}}
{{- $values := index .root.Values .service -}}
{{- range $setting, $from := $values.files }}
- name: {{ $setting | lower | replace "_" "-" }}
{{- if $from.secret }}
  secret: { secretName: {{ $from.secret | quote }}, defaultMode: 0440, items: [{ key: {{ $from.key | quote }}, path: {{ $from.key | quote }} }] }
{{- else }}
  configMap: { name: {{ $from.configMap | quote }}, items: [{ key: {{ $from.key | quote }}, path: {{ $from.key | quote }} }] }
{{- end }}
{{- end }}
{{- range $name, $from := .tls }}
- name: {{ $name }}
  secret:
    secretName: {{ $from.secret | quote }}
    defaultMode: 0440
{{- with $from.key }}
    items: [{ key: {{ . }}, path: {{ . }} }]
{{- end }}
{{- end }}
{{- end -}}
