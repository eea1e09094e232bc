package main

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// What must be true of the chart's objects together, one function for a kind of object.

// How long a caller may know a name's addresses of before: the cluster's DNS keeps them for 5 s, the SDK for 5 s more.
const staleAddresses = 10 * time.Second

type objects []runtime.Object

type complaints struct {
	about string
	list  *[]string
}

func (c complaints) unless(holds bool, format string, values ...any) {
	if !holds {
		*c.list = append(*c.list, c.about+": "+fmt.Sprintf(format, values...))
	}
}

func broken(all objects) []string {
	var list []string
	for _, object := range all {
		c := complaints{name(object), &list}
		switch o := object.(type) {
		case *apps.Deployment:
			deployment(c, o, all)
		case *core.Service:
			service(c, o, all)
		case *policy.PodDisruptionBudget:
			disruption(c, o, all)
		case *autoscaling.HorizontalPodAutoscaler:
			autoscaler(c, o, all)
		case *networking.NetworkPolicy:
			network(c, o, all)
		case *monitoring.ServiceMonitor:
			monitor(c, o, all)
		case *certmanager.Certificate:
			certificate(c, o, all)
		case *monitoring.PrometheusRule:
			c.unless(len(o.Spec.Groups) > 0 && len(o.Spec.Groups[0].Rules) > 0, "has no rules")
		case *core.ConfigMap:
			c.unless(len(o.Data) > 0, "is empty")
		default:
			c.unless(false, "nothing is known about objects of this kind")
		}
	}
	return list
}

func deployment(c complaints, d *apps.Deployment, all objects) {
	pod := d.Spec.Template
	c.unless(selects(d.Spec.Selector, pod.Labels), "its selector does not match its pods")
	c.unless(len(selected(d.Spec.Selector, all)) == 1, "its selector matches pods of others")
	rolling := d.Spec.Strategy.RollingUpdate
	c.unless(rolling != nil && rolling.MaxUnavailable.IntValue() == 0, "a rollout may leave fewer pods than are wanted")
	c.unless(seconds(d.Spec.MinReadySeconds) >= staleAddresses, "minReadySeconds: a pod leaves before callers know its successor")
	c.unless(d.Spec.Replicas == nil || *d.Spec.Replicas >= 2, "one pod is no spare")
	c.unless((d.Spec.Replicas == nil) == (autoscalerOf(d, all) != nil), "replicas and an autoscaler fight, or neither is there")

	spec := pod.Spec
	c.unless(spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken, "pods get a token of the API")
	c.unless(spec.SecurityContext != nil && *spec.SecurityContext.RunAsNonRoot, "pods may run as root")
	for _, spread := range spec.TopologySpreadConstraints {
		c.unless(selects(spread.LabelSelector, pod.Labels), "spreads other pods over %s", spread.TopologyKey)
	}
	c.unless(len(spec.TopologySpreadConstraints) == 2, "is not spread over zones and machines")
	c.unless(len(spec.Containers) == 1, "has %d containers", len(spec.Containers))
	for _, of := range spec.Containers {
		settings := settingsOf(of)
		grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second
		drain := duration(c, settings, "DRAIN_DELAY") + duration(c, settings, "DRAIN_TIMEOUT")
		c.unless(grace > drain, "is killed after %v, and drains for %v", grace, drain)
		ports(c, of, settings)
		probes(c, of)
		hardened(c, of)
		mounts(c, of, spec.Volumes, settings)
		if address, is := settings["PRESENCE_SVC_ADDR"]; is {
			c.unless(isHeadlessService(address, all), "PRESENCE_SVC_ADDR=%s is no headless Service here, with this port", address)
		}
	}
}

// Ports that the process is told to listen on, and those that the pod declares.
func ports(c complaints, of core.Container, settings map[string]string) {
	var told, declared []int
	for _, name := range []string{"GRPC_ADDR", "HTTP_PORT", "HTTP_ADDR"} {
		if address, is := settings[name]; is {
			c.unless(strings.HasPrefix(address, ":"), "%s=%s: probes would not reach it", name, address)
			told = append(told, portIn(address))
		}
	}
	for _, port := range of.Ports {
		declared = append(declared, int(port.ContainerPort))
	}
	sort.Ints(told)
	sort.Ints(declared)
	c.unless(fmt.Sprint(told) == fmt.Sprint(declared), "listens on %v, declares %v", told, declared)
}

func probes(c complaints, of core.Container) {
	operations := portNamed(of, "operations")
	for name, probe := range map[string]*core.Probe{"startup": of.StartupProbe, "liveness": of.LivenessProbe} {
		alive := probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Path == "/health/live"
		c.unless(alive && portOf(of, probe.HTTPGet.Port.String()) == operations, "the %s probe does not ask /health/live", name)
	}
	ready := of.ReadinessProbe
	switch {
	case ready == nil:
		c.unless(false, "has no readiness probe")
	case ready.GRPC != nil:
		c.unless(int(ready.GRPC.Port) == portNamed(of, "grpc"), "the readiness probe asks port %d for gRPC", ready.GRPC.Port)
		c.unless(ready.GRPC.Service != nil && *ready.GRPC.Service == "realchat.presence.v1.PresenceApi", "the readiness probe asks for another service")
		c.unless(settingsOf(of)["TLS_CERT"] == "", "the readiness probe speaks no TLS, gRPC does")
	default:
		isReadiness := ready.HTTPGet != nil && ready.HTTPGet.Path == "/health/ready"
		c.unless(isReadiness && portOf(of, ready.HTTPGet.Port.String()) == operations, "the readiness probe does not ask /health/ready")
	}
}

func hardened(c complaints, of core.Container) {
	context := of.SecurityContext
	c.unless(context != nil && *context.ReadOnlyRootFilesystem && !*context.AllowPrivilegeEscalation, "may write to its image, or gain rights")
	c.unless(context != nil && len(context.Capabilities.Drop) == 1 && context.Capabilities.Drop[0] == "ALL", "keeps capabilities")
	c.unless(!of.Resources.Requests.Cpu().IsZero() && !of.Resources.Limits.Memory().IsZero(), "has no CPU request, or no memory limit")
	c.unless(!strings.HasSuffix(of.Image, ":latest") && strings.ContainsAny(of.Image, ":@"), "its image %s may be anything", of.Image)
	secret := regexp.MustCompile("(PASSWORD|SECRET|TOKEN)$")
	for _, variable := range of.Env {
		c.unless(variable.Value == "" || !secret.MatchString(variable.Name), "%s is in the manifest", variable.Name)
	}
}

// A setting that names a file needs the file; what is mounted needs a volume, and a setting that reads it.
func mounts(c complaints, of core.Container, volumes []core.Volume, settings map[string]string) {
	for setting, value := range settings {
		if !strings.HasPrefix(value, "/") {
			continue
		}
		c.unless(isProvided(value, of.VolumeMounts, volumes), "%s=%s is not mounted", setting, value)
	}
	for _, mount := range of.VolumeMounts {
		used := false
		for _, value := range settings {
			used = used || strings.HasPrefix(value, mount.MountPath+"/")
		}
		c.unless(used, "nothing reads %s", mount.MountPath)
		c.unless(mount.SubPath == "", "%s: a subPath never changes, though its Secret may", mount.MountPath)
	}
	c.unless(len(volumes) == len(of.VolumeMounts), "%d volumes for %d mounts", len(volumes), len(of.VolumeMounts))
}

func isProvided(path string, mounts []core.VolumeMount, volumes []core.Volume) bool {
	for _, mount := range mounts {
		file, inside := strings.CutPrefix(path, mount.MountPath+"/")
		for _, volume := range volumes {
			if !inside || volume.Name != mount.Name {
				continue
			}
			var items []core.KeyToPath
			if volume.Secret != nil {
				items = volume.Secret.Items
			} else if volume.ConfigMap != nil {
				items = volume.ConfigMap.Items
			}
			return len(items) == 0 || items[0].Path == file
		}
	}
	return false
}

func service(c complaints, s *core.Service, all objects) {
	deployments := matching(labels.SelectorFromSet(s.Spec.Selector), all)
	c.unless(len(deployments) == 1, "its selector matches the pods of %d Deployments", len(deployments))
	for _, d := range deployments {
		for _, port := range s.Spec.Ports {
			c.unless(portOf(d.Spec.Template.Spec.Containers[0], port.TargetPort.String()) != 0, "no pod has the port %s", port.TargetPort.String())
		}
	}
}

func disruption(c complaints, p *policy.PodDisruptionBudget, all objects) {
	c.unless(len(selected(p.Spec.Selector, all)) == 1, "its selector does not match the pods of one Deployment")
	c.unless(p.Spec.MaxUnavailable != nil && p.Spec.MaxUnavailable.IntValue() == 1, "lets more than one pod go at a time, or none")
}

func autoscaler(c complaints, h *autoscaling.HorizontalPodAutoscaler, all objects) {
	var target *apps.Deployment
	for _, d := range deploymentsOf(all) {
		if autoscalerOf(d, all) == h {
			target = d
		}
	}
	c.unless(target != nil, "scales nothing that is there")
	c.unless(*h.Spec.MinReplicas >= 2 && h.Spec.MaxReplicas >= *h.Spec.MinReplicas, "from %d to %d pods", *h.Spec.MinReplicas, h.Spec.MaxReplicas)
	c.unless(h.Spec.Behavior != nil && h.Spec.Behavior.ScaleDown != nil, "may take many pods at once")
}

func network(c complaints, n *networking.NetworkPolicy, all objects) {
	deployments := selected(&n.Spec.PodSelector, all)
	c.unless(len(deployments) == 1, "its selector does not match the pods of one Deployment")
	open := map[string]bool{}
	for _, rule := range n.Spec.Ingress {
		for _, port := range rule.Ports {
			open[port.Port.String()] = true
			if port.Port.String() == "grpc" {
				c.unless(len(rule.From) > 0, "everybody may call presence")
				c.unless(len(rule.From) > 0 && len(selected(rule.From[0].PodSelector, all)) == 1, "gateways may not call presence")
			}
		}
	}
	for _, d := range deployments {
		for _, port := range d.Spec.Template.Spec.Containers[0].Ports {
			c.unless(open[port.Name], "nobody reaches the port %s", port.Name)
		}
	}
}

func monitor(c complaints, m *monitoring.ServiceMonitor, all objects) {
	c.unless(m.Spec.NamespaceSelector.Any == false && len(m.Spec.Endpoints) == 1, "looks elsewhere")
	scraped := 0
	for _, object := range all {
		s, is := object.(*core.Service)
		if !is || !selects(&m.Spec.Selector, s.Labels) {
			continue
		}
		for _, port := range s.Spec.Ports {
			if port.Name == m.Spec.Endpoints[0].Port {
				scraped++
			}
		}
		job := s.Labels[m.Spec.JobLabel]
		c.unless(job == "presence" || job == "delivery", "alerts know no job %q", job)
	}
	c.unless(scraped == 1, "scrapes each pod %d times", scraped)
}

func certificate(c complaints, certificate *certmanager.Certificate, all objects) {
	used := false
	for _, d := range deploymentsOf(all) {
		for _, volume := range d.Spec.Template.Spec.Volumes {
			used = used || (volume.Secret != nil && volume.Secret.SecretName == certificate.Spec.SecretName)
		}
	}
	c.unless(used, "nobody has its Secret")
	c.unless(len(certificate.Spec.DNSNames) > 0, "has no names")
	if certificate.Name == release+"-presence" {
		c.unless(certificate.Spec.DNSNames[0] == certificate.Name, "does not have the name that gateways call presence by")
	}
}

func isHeadlessService(address string, all objects) bool {
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "dns:///"), ":")
	for _, object := range all {
		if s, is := object.(*core.Service); is && s.Name == host && s.Spec.ClusterIP == core.ClusterIPNone {
			for _, port := range s.Spec.Ports {
				if int(port.Port) == portIn(address) {
					return true
				}
			}
		}
	}
	return false
}

func containersOf(all objects) []container {
	found := []container{}
	for _, d := range deploymentsOf(all) {
		spec := d.Spec.Template.Spec
		for _, of := range spec.Containers {
			one := container{Name: of.Name, GraceSeconds: *spec.TerminationGracePeriodSeconds, Settings: settingsOf(of), Secrets: []string{}}
			for _, variable := range of.Env {
				if variable.ValueFrom != nil {
					one.Secrets = append(one.Secrets, variable.Name)
				}
			}
			found = append(found, one)
		}
	}
	return found
}

func settingsOf(of core.Container) map[string]string {
	settings := map[string]string{}
	for _, variable := range of.Env {
		if variable.ValueFrom == nil {
			settings[variable.Name] = variable.Value
		}
	}
	return settings
}

func deploymentsOf(all objects) []*apps.Deployment {
	return matching(labels.Everything(), all)
}

func selected(selector *meta.LabelSelector, all objects) []*apps.Deployment {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	return matching(parsed, all)
}

// Deployments whose pods the selector matches.
func matching(selector labels.Selector, all objects) []*apps.Deployment {
	var found []*apps.Deployment
	for _, object := range all {
		if d, is := object.(*apps.Deployment); is && selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			found = append(found, d)
		}
	}
	return found
}

func selects(selector *meta.LabelSelector, of map[string]string) bool {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && !parsed.Empty() && parsed.Matches(labels.Set(of))
}

func autoscalerOf(d *apps.Deployment, all objects) *autoscaling.HorizontalPodAutoscaler {
	for _, object := range all {
		if h, is := object.(*autoscaling.HorizontalPodAutoscaler); is && h.Spec.ScaleTargetRef.Kind == "Deployment" && h.Spec.ScaleTargetRef.Name == d.Name {
			return h
		}
	}
	return nil
}

func duration(c complaints, settings map[string]string, name string) time.Duration {
	value, err := time.ParseDuration(settings[name])
	c.unless(err == nil, "%s=%q is no duration", name, settings[name])
	return value
}

func seconds(count int32) time.Duration {
	return time.Duration(count) * time.Second
}

// 0: there is none.
func portNamed(of core.Container, name string) int {
	for _, port := range of.Ports {
		if port.Name == name {
			return int(port.ContainerPort)
		}
	}
	return 0
}

func portOf(of core.Container, nameOrNumber string) int {
	if number, err := strconv.Atoi(nameOrNumber); err == nil {
		return number
	}
	return portNamed(of, nameOrNumber)
}

func portIn(address string) int {
	number, _ := strconv.Atoi(address[strings.LastIndex(address, ":")+1:])
	return number
}

func names(all objects) []string {
	var found []string
	for _, object := range all {
		found = append(found, name(object))
	}
	sort.Strings(found)
	return found
}

func name(object runtime.Object) string {
	described, is := object.(meta.Object)
	if !is {
		return fmt.Sprintf("%T", object)
	}
	return object.GetObjectKind().GroupVersionKind().Kind + " " + described.GetName()
}
