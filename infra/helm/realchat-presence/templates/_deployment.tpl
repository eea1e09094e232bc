{{/*
A service's Deployment. Takes (dict "root" $ "service" "presence" "port" (dict "name" … "number" …) "operationsPort" …
"readiness" (probe) "redis" .Values.redis "settings" (dict …) "tls" (dict …)), the last three as in _pod.tpl.
*/}}
{{- define "deployment" -}}
{{- $root := .root -}}
{{- $me := list $root .service -}}
{{- $values := index $root.Values .service -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "name" $me }}
  labels: {{- include "labels" $me | nindent 4 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  # A pod leaves when its successor has been there for long enough: callers have looked its address up, clients are back.
  minReadySeconds: 15
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector:
    matchLabels: {{- include "selector" $me | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "labels" $me | nindent 8 }}
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with $values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ add $values.drainDelaySeconds $values.drainTimeoutSeconds 10 }}
      securityContext: {{- include "podSecurity" $ | nindent 8 }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets: {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      topologySpreadConstraints: {{- include "spread" $me | indent 8 }}
      containers:
        - name: {{ .service }}
          image: {{ include "image" $me | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          ports:
            - { name: {{ .port.name }}, containerPort: {{ .port.number }} }
            - { name: operations, containerPort: {{ .operationsPort }} }
          env: {{- include "settings" . | nindent 12 }}
          startupProbe:
            httpGet: { path: /health/live, port: operations }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /health/live, port: operations }
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            {{- toYaml .readiness | nindent 12 }}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 2
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- include "containerSecurity" $ | nindent 12 }}
          volumeMounts: {{- include "mounts" . | indent 12 | default " []" }}
      volumes: {{- include "volumes" . | indent 8 | default " []" }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
{{- end -}}
