//go:build interop

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

const fleet = "../../docs/fleet"

// Prometheus has the rules fire when they should, and understands every query of the dashboard.
func TestInteropFleetPrometheus(t *testing.T) {
	if out, err := exec.Command("promtool", "test", "rules", fleet+"/prometheus-rules_test.yml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(fleet + "/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	rules := "groups:\n- name: dashboard\n  rules:\n"
	for _, p := range dashboard.Panels {
		for i, q := range p.Targets {
			rules += fmt.Sprintf("  - record: panel:%d\n    labels: {panel: %q}\n    expr: %q\n", i, p.Title, strings.ReplaceAll(q.Expr, "$instance", ".*"))
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", file).CombinedOutput(); err != nil || len(dashboard.Panels) < 5 {
		t.Errorf("%d panels: %v: %s\n%s", len(dashboard.Panels), err, out, rules)
	}
}

// Ansible checks two hosts of a lab, each in its own network, keeps what each reports, and fails the one that is broken.
func TestInteropFleetAnsible(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Symlink(self, filepath.Join(dir, "ndwhy")); err != nil {
		t.Fatal(err)
	}
	lab := labtest.Command(t, "unassigned-source", "", "sh", "-c", "echo up; read line")
	hold, err := lab.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		hold.Close()
		_ = lab.Wait()
	}()
	if _, err := told.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	// What runs a module on a host is its Python: here one that enters the host first.
	inventory := ""
	for _, host := range []string{"ubuntu1", "ubuntu2"} {
		python := write("python-"+host, fmt.Sprintf("#!/bin/sh\nexec %s/ndwhy lab exec --lab %d %s -- python3 \"$@\"\n", dir, lab.Process.Pid, host))
		inventory += fmt.Sprintf("%s ansible_connection=local ansible_python_interpreter=%s\n", host, python)
	}
	play := exec.Command("ansible-playbook", "-i", write("inventory", inventory), fleet+"/check.yml",
		"-e", "ndwhy_become=false", "-e", "ndwhy_reports="+dir+"/reports", "-e", "ndwhy_command="+dir+"/ndwhy")
	play.Env = append(os.Environ(), "ANSIBLE_LOCAL_TEMP="+dir, "ANSIBLE_REMOTE_TMP="+dir, "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8")
	out, err := play.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "critical: The kernel sends to ") {
		t.Errorf("%v: the host that is broken does not fail:\n%s", err, out)
	}
	for host, want := range map[string]bool{"ubuntu1": true, "ubuntu2": false} {
		text, err := os.ReadFile(filepath.Join(dir, "reports", host+".json"))
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var report struct{ Host, Verdict string }
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatal(err)
		}
		if report.Host != host || (report.Verdict == "critical") != want {
			t.Errorf("%s: %+v", host, report)
		}
	}
}

// What Kubernetes is given is made of its own types, no field unknown and none missing that it wants.
func TestInteropFleetKubernetes(t *testing.T) {
	manifests, err := filepath.Abs(fleet + "/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Its types are much more than this program needs: they stay out of its own module.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(kubernetesReader), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"mod", "init", "manifests"}, {"get", "k8s.io/api@v0.34.1", "k8s.io/apimachinery@v0.34.1", "sigs.k8s.io/yaml@v1.6.0"}, {"mod", "tidy"}, {"run", ".", manifests},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}

// kubernetesReader reads manifests as strictly as the API server does, and looks at what that would refuse or a cluster's
// policy would.
const kubernetesReader = `package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err == nil, "%v", err)
	kinds := map[string]bool{}
	for _, doc := range regexp.MustCompile("(?m)^---$").Split(string(text), -1) {
		var typ metav1.TypeMeta
		must(yaml.Unmarshal([]byte(doc), &typ) == nil, "no YAML: %s", doc)
		switch typ.APIVersion + " " + typ.Kind {
		case "apps/v1 DaemonSet":
			var d appsv1.DaemonSet
			read(doc, &d)
			selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
			must(err == nil && d.Spec.Selector != nil && selector.Matches(labels.Set(d.Spec.Template.Labels)), "the selector does not select its pods")
			pod(d.Name, d.Spec.Template.Spec)
			must(d.Spec.Template.Spec.RestartPolicy == "" || d.Spec.Template.Spec.RestartPolicy == corev1.RestartPolicyAlways, "restartPolicy")
		case "batch/v1 Job":
			var j batchv1.Job
			read(doc, &j)
			pod(j.Name, j.Spec.Template.Spec)
			must(j.Spec.Template.Spec.RestartPolicy == corev1.RestartPolicyNever, "restartPolicy")
		case " ":
			must(len(bytes.TrimSpace(regexp.MustCompile("(?m)^#.*").ReplaceAll([]byte(doc), nil))) == 0, "no kind: %s", doc)
			continue
		default:
			must(false, "unexpected %s %s", typ.APIVersion, typ.Kind)
		}
		kinds[typ.Kind] = true
	}
	must(kinds["DaemonSet"] && kinds["Job"], "only %v", kinds)
}

func read(doc string, into any) {
	err := yaml.UnmarshalStrict([]byte(doc), into)
	must(err == nil, "%v", err)
}

func pod(name string, p corev1.PodSpec) {
	must(name != "" && p.HostNetwork && len(p.Containers) == 1, "%s: want one container on the host's network", name)
	c := p.Containers[0]
	s := c.SecurityContext
	must(c.Name != "" && c.Image != "" && len(c.Args) > 0, "%s: name, image and args", name)
	must(s != nil && s.Privileged == nil && s.Capabilities != nil && fmt.Sprint(s.Capabilities.Drop, s.Capabilities.Add) == "[ALL] [NET_RAW]", "%s: capabilities", name)
	must(!c.Resources.Limits.Memory().IsZero(), "%s: no limit of memory", name)
}

func must(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}
`

// systemd takes the timer, and the drop-in that has a service write metrics, without a word.
func TestInteropFleetSystemd(t *testing.T) {
	dir := t.TempDir()
	copied := func(from, to, old, instead string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(fleet, from))
		if err != nil {
			t.Fatal(err)
		}
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(strings.ReplaceAll(string(text), old, instead)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied("ndwhy.timer", "ndwhy.timer", "", "")
	copied("textfile.conf", "ndwhy.service.d/textfile.conf", "/usr/local/bin/ndwhy", "/bin/true") // it has to be there
	if err := os.WriteFile(filepath.Join(dir, "ndwhy.service"), []byte("[Service]\nType=oneshot\nExecStart=/bin/false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("systemd-analyze", "verify", filepath.Join(dir, "ndwhy.timer"), filepath.Join(dir, "ndwhy.service"))
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// A systemd that is the first process of a container starts the service: it finds all that it finds without the unit's
// fences, and leaves its report. The unit stays as tight as docs/privileges.md says.
func TestInteropFleetService(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "box"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ndwhy"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	script, unit := absolute(t, "testdata/systemd.sh"), absolute(t, fleet+"/ndwhy.service")
	r := labtest.Run(t, "vpc", "timeout", "-k", "1", "60", "unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child=SIGKILL",
		"sh", script, dir, unit)
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	shown, err := os.ReadFile(filepath.Join(dir, "shown"))
	if err != nil || r.Code != 0 || !strings.Contains(string(shown), "\nResult=success\n") || !strings.Contains(string(shown), "\nExecMainStatus=0\n") {
		t.Fatalf("exit %d, %v\n%s%s%s%s", r.Code, err, r.Stderr, r.Stdout, log, shown)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Verdict string
		Paths   []struct{ Via, Outcome string }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	frames := 0
	for _, p := range report.Paths {
		if p.Via == "wire" && p.Outcome == "answered" {
			frames++
		}
	}
	if report.Verdict != "ok" || frames == 0 {
		t.Errorf("verdict %s, %d frames answered\n%s", report.Verdict, frames, log)
	}
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=25", unit).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
